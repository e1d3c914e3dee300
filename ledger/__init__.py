"""The chain and nothing of the business: contracts compiled, deployed, called and read back.

Nothing in this package imports from `settlement`; `settlement` imports from here.
"""
