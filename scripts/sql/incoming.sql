create temporary table incoming (
    trading_day integer not null,
    number bigint not null,
    time integer not null,
    buyer integer not null,
    seller integer not null,
    security integer not null,
    quantity bigint not null,
    amount bigint not null
);
