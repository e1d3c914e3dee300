"""The index: what the chain says happened, as Parquet, made from nothing but the chain."""
