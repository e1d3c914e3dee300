-- A day's ledger in SQL; amounts of cash in minor units. PostgreSQL as it is; for SQLite integers and strict
-- tables are put in. Asset 0 is the cash.
create table institution (
    id integer primary key,
    name text not null unique
);
create table asset (
    id integer primary key,
    code text not null unique
);
create table slab (
    above bigint not null,
    up_to bigint primary key,
    rate_ppm integer not null
);
create table levy (
    rate_ppm integer not null,
    beneficiary integer not null references institution
);
create table share (
    party integer primary key references institution,
    share_ppm integer not null
);
create table balance (
    holder integer not null references institution,
    asset integer not null references asset,
    amount bigint not null,
    credit bigint not null default 0 check (credit >= 0),
    primary key (holder, asset),
    constraint covered check (amount + credit >= 0)
);
create table earned (
    broker integer primary key references institution,
    commission bigint not null
);
create table trade (
    trading_day integer not null,
    number bigint not null,
    time integer not null,
    buyer integer not null,
    seller integer not null,
    security integer not null,
    quantity bigint not null check (quantity > 0),
    amount bigint not null check (amount > 0),
    commission bigint not null,
    levy bigint not null,
    primary key (trading_day, number)
);
