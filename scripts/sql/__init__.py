"""A day of trades settled by databases, for comparison: see scripts/bench_sql.py."""
