"""What surrounds the proof: nothing that it says is true because of what is here.

coding      a bundle's file, and back
given       keys, hashes, affirmations and contracts that an auditor brings, from text and files
telling     a verdict in words and as JSON
"""
