"""What one statement may be: each way out that is known is refused, and what SQL is asked with passes."""

from __future__ import annotations

import duckdb
import pytest

from settlement.audit.functions import SCALARS, TABLES
from settlement.audit.statement import DEEPEST, MOST_BYTES, Refused, check, check_text

VIEWS = {
    "trades": ["trade", "buyer", "seller", "quantity", "settlement_amount_minor"],
    "cash": ["since", "user", "currency"],
}
NOT_SELECT = """
insert into trades values (1)
update trades set trade = 1
delete from trades
create table x(a int)
create or replace view trades as select 1
create macro f(a) as a
create secret s (type s3)
drop view trades
attach 'x.db'
detach memory
copy trades to '/tmp/x.csv'
copy (select 1) to '/dev/stdout'
export database '/tmp/x'
import database '/tmp/x'
pragma database_list
set threads = 1
set variable x = 1
reset threads
install httpfs
load httpfs
call pragma_version()
checkpoint
vacuum
begin
commit
analyze
use memory
prepare p as select 1
execute p
alter view trades rename to x
comment on view trades is 'x'
truncate trades
merge into trades using trades t on true when matched then delete
select 1; drop view trades
select 1 /* ; */ ; -- x \\ drop view trades
/* select */ drop view trades
with x as (select 1) insert into trades select * from x
explain select 1
explain analyze select * from trades
pivot trades on buyer using sum(quantity)
"""
OUT_OF_VIEW = """
from 'x.csv'
from "/etc/passwd"
from 'https://example.org/x.parquet'
from facts.trades
from main.trades
from memory.main.trades
from information_schema.tables
from pg_catalog.pg_class
from sqlite_master
from duckdb_views
from trades, duckdb_tables
from traðes
with "x.csv" as (select 1) from "x.csv"
with duckdb_views as (select 1) from duckdb_views
select (with duckdb_views as (select 1) select 1) from duckdb_views
from trades at (version => 1)
"""
CALLS = """
from read_csv('/etc/passwd')
from read_text('/etc/passwd')
from read_blob('/etc/passwd')
from read_parquet('x')
from read_json('x')
from glob('/*')
from parquet_metadata('x')
from parquet_scan('x')
from sqlite_scan('x', 'y')
from postgres_query('x', 'y')
from sniff_csv('x')
from query('select 1')
from query_table('trades')
from json_execute_serialized_sql('x')
from duckdb_settings()
from duckdb_secrets()
from pragma_table_info('trades')
from seq_scan('trades')
from arrow_scan(1, 2, 3)
from test_all_types()
from repeat(1, 5)
from histogram(trades, quantity)
from which_secret('x', 's3')
from main.read_text('x')
from trades t, lateral (from read_text(t.trade))
select getenv('PATH')
select "getenv"('x')
select GetEnv('x')
select main.getenv('x')
select system.main.getenv('x')
select current_setting('threads')
select getvariable('x')
select nextval('s')
select write_log('x')
select json_serialize_sql('select 1')
select json_deserialize_sql('{}')
select now()
select current_timestamp
select current_user
select today()
select age(date '2026-01-01')
select random()
select uuid()
select error('x')
select stats(trade) from trades
select sleep_ms(1000)
select list_aggregate([1], 'sum')
select pg_get_viewdef(1)
select current_schemas(true)
select in_search_path('a', 'b')
select mask_amount(1)
select * replace (getenv('x') as trade) from trades
select columns(c -> getenv(c) = '') from trades
select list_transform([1], lambda x: getenv('a'))
select [getenv('x') for x in [1]]
select count(*) filter (where getenv('x') is null)
select sum(1) over (order by getenv('x'))
select sum(1) over (rows between getenv('x')::int preceding and current row)
select 1 limit getenv('x')::int
select 1 offset getenv('x')::int
select 1 group by getenv('x')
select 1 having getenv('x') = ''
select 1 qualify getenv('x') = ''
select distinct on (getenv('x')) 1
select string_agg(trade, ',' order by getenv('x')) from trades
select case when getenv('x') = '' then 1 end
select 1 where exists (select getenv('x'))
select 1 union all select 1 order by getenv('x')
from (values (getenv('x')))
from trades join cash on getenv('x') = ''
from (pivot trades on buyer in ('a') using max(getenv('x')))
from (unpivot trades on quantity) order by getenv('x')
with recursive x as (select 1 a union all select getenv('x')::int from x) from x
"""
OTHERWISE = """
describe trades
summarize trades
show tables
from (describe trades)
from trades tablesample 1%
select ?
select $x
select 1; select 2
selec 1
select
-- nothing
"""
GOOD = """
select * from trades
from TRADES
table trades;
values (1), (2)
with x as (select buyer from trades), trades as (from trades) select * from x join trades using (buyer)
with recursive x(n) as (select 1 union all select n + 1 from x where n < 9) select sum(n) from x
select * exclude (buyer) replace (1 as seller) from trades
select columns('^b'), sum(1) over (partition by buyer order by trade) from trades qualify 1 < 3
select buyer, sum(quantity) filter (where quantity > 1) from trades group by all having count(*) > 1
select #1, user from cash order by 1 desc nulls last limit 10 percent
from (pivot trades on buyer in ('a') using sum(quantity))
from (unpivot trades on quantity, settlement_amount_minor)
select list_transform([1], lambda x: x + 1), [x * 2 for x in [1]], {'a': 1}.a, [1, 2][1], map {'a': 1}['a']
select case when buyer like 'N%' then 1 else 2 end, quantity between 1 and 2, 1 in (1, 2) from trades
select '1'::decimal(38, 0), try_cast('x' as int), 'a'::json ->> 'a'
select 1::int[], date '2026-01-01' - interval 1 day
select extract(year from since), strftime(since, '%Y'), coalesce(null, 1), nullif(1, 2), 5 // 2 from cash
select trim(both 'a' from 'aba'), position('a' in 'ba'), 'abc' similar to 'a.*'
select 'a' collate nocase = 'A', if(not true, 1, 2), 'a' || 'b'
select unnest([1, 2]), generate_series from generate_series(1, 2), range(3) t(a), unnest([1]) u
select * from trades where buyer in (select buyer from trades) union all by name from trades order by all
select * from trades asof join cash on trade >= user positional join cash c2
from trades a semi join trades b using (trade) anti join trades c using (trade)
select distinct on (buyer) sha256(trade), array_agg(buyer order by trade) from trades group by all
select grouping(buyer), count(distinct seller) from trades group by rollup (buyer), cube (seller)
"""


@pytest.fixture(scope="module")
def parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def checked(parser: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    def parse(text: str) -> str:
        (found,) = parser.execute("select json_serialize_sql(?)", [text]).fetchone() or ("",)
        return str(found)

    check_text(sql)
    return check(sql, parse, VIEWS, ["duckdb_views", "sqlite_master", "trades"])


def lines(text: str) -> list[str]:
    return [line.replace("\\", "\n") for line in text.strip().splitlines()]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (NOT_SELECT, "only a SELECT is answered|statements"),
        (OUT_OF_VIEW, "there is no view|WITH may not|AT is not"),
        (CALLS, "is no table here|not among those|answer each time"),
        (OTHERWISE, "DESCRIBE|sample|parameter|2 statements|is no SQL|0 statements"),
    ],
    ids=["not select", "out of view", "calls", "otherwise"],
)
def test_statement_given_a_way_out_is_refused(
    parser: duckdb.DuckDBPyConnection, statements: str, said: str
) -> None:
    for sql in lines(statements):
        with pytest.raises(Refused, match=said):
            pytest.fail(f"{sql}: reads {checked(parser, sql)}")


def test_statement_given_what_is_asked_with_passes(parser: duckdb.DuckDBPyConnection) -> None:
    for sql in lines(GOOD):
        found = checked(parser, sql)
        for view in VIEWS:
            assert (view in found) == (f" {view}" in sql.lower()), sql


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select " + "(" * (DEEPEST + 1), "nested"), ("x" * (MOST_BYTES + 1), "longer"),
        ("é" * (MOST_BYTES // 2 + 1), "longer"), ("select 1\0", "NUL"), ("select '\ud800'", "Unicode"),
        (" ;; ", "no statement"), ("", "no statement"),
    ],
    ids=["deep", "long", "long in bytes", "nul", "surrogate", "nothing", "empty"],
)  # fmt: skip
def test_text_given_what_no_parser_should_see_is_refused_first(sql: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        check_text(sql)


def test_text_given_deep_nesting_without_brackets_is_refused(parser: duckdb.DuckDBPyConnection) -> None:
    for sql in ("select " + "not " * 20_000 + "true", "select 1" + " + 1" * 20_000):
        with pytest.raises(Refused, match="no SQL"):
            checked(parser, sql)


def test_suggestions_given_a_slip_name_the_nearest(parser: duckdb.DuckDBPyConnection) -> None:
    for sql, near in (
        ("from trade", "mean trades"),
        ("select coun(trade) from trades", "mean count"),
    ):
        with pytest.raises(Refused, match=near):
            checked(parser, sql)


def test_functions_given_this_duckdb_are_all_there_and_reviewed(parser: duckdb.DuckDBPyConnection) -> None:
    """A name that DuckDB no longer has, or one that is a table function too, wants another look."""
    rows = parser.execute("select lower(function_name), function_type from duckdb_functions()").fetchall()
    scalars = {name for name, kind in rows if kind in ("scalar", "aggregate", "macro")}
    assert scalars >= SCALARS
    assert {name for name, kind in rows if kind == "table"} >= TABLES
    reaching = ("read_", "duckdb_", "pragma_", "pg_", "current_", "get", "set_", "write", "query", "sniff")
    assert sorted(name for name in SCALARS if name.startswith(reaching)) == ["get_bit", "set_bit"]
