"""The index: what the chain says happened, as Parquet, made from nothing but the chain.

    chain ─ sent, extracting ─▶ tables of a segment ─ keeping ─▶ Parquet, named by the manifest

    following              brings the index up to the chain, or makes it anew; where segments end
    extracting             events and calldata into the tables of a segment
    decoding, columns      events as Arrow columns, by the contracts' ABI; columns put together
    sent                   who signed a transaction, and its calldata
    standing, known        where trades stand after events; what earlier segments hold
    schema                 the tables, column by column
    manifest, checking     what there is, hash-chained; whether files are what was written
    keeping                segments and manifest put on disk whole; readers and one writer
    verifying              every table made again and compared
    errors                 what can be wrong with an index

All of it follows from the chain: it can be deleted, and is made again the same.
"""
