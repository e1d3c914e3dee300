-- What is in `incoming` settles together. The same text for PostgreSQL and SQLite, inside one transaction.
-- A rate is taken of quotient and remainder, as the whole product could overflow.
analyze incoming;

create temporary table charged as
select incoming.*,
    amount / 1000000 * slab.rate_ppm + amount % 1000000 * slab.rate_ppm / 1000000 as commission,
    amount / 1000000 * levy.rate_ppm + amount % 1000000 * levy.rate_ppm / 1000000 as levy
from incoming
join slab on amount > slab.above and amount <= slab.up_to
cross join levy;

insert into trade (
    trading_day, number, time, buyer, seller, security, quantity, amount, commission, levy
)
select trading_day, number, time, buyer, seller, security, quantity, amount, commission, levy
from charged;

create temporary table side as
select buyer as holder, security,
    cast(sum(quantity) as bigint) as units,
    cast(-sum(amount) - sum(levy) as bigint) as cash,
    cast(sum(commission) as bigint) as commission,
    cast(sum(levy) as bigint) as levy
from charged
group by buyer, security
union all
select seller, security,
    cast(-sum(quantity) as bigint),
    cast(sum(amount) - sum(levy) as bigint),
    cast(sum(commission) as bigint),
    cast(sum(levy) as bigint)
from charged
group by seller, security;

create temporary table gain as
select holder, cast(sum(commission) as bigint) as commission from side group by holder;

insert into earned (broker, commission)
select holder, 0 from gain where true
on conflict (broker) do nothing;

create temporary table due as
select earned.broker as payer, share.party,
    (earned.commission + gain.commission) / 1000000 * share_ppm
    + (earned.commission + gain.commission) % 1000000 * share_ppm / 1000000
    - earned.commission / 1000000 * share_ppm
    - earned.commission % 1000000 * share_ppm / 1000000 as amount
from earned
join gain on gain.holder = earned.broker
cross join share;

update earned set commission = earned.commission + gain.commission
from gain where gain.holder = earned.broker;

create temporary table movement as
select holder, asset, cast(sum(amount) as bigint) as amount
from (
    select holder, security as asset, units as amount from side
    union all select holder, 0, cash from side
    union all select payer, 0, -amount from due
    union all select party, 0, amount from due
    union all select levy.beneficiary, 0, side.levy from side cross join levy
) as leg
group by holder, asset;

update balance set amount = balance.amount + movement.amount
from movement
where movement.holder = balance.holder and movement.asset = balance.asset and movement.amount <> 0;

insert into balance (holder, asset, amount)
select holder, asset, amount from movement
where amount <> 0 and not exists (
    select 1 from balance where balance.holder = movement.holder and balance.asset = movement.asset
);

drop table incoming;
drop table charged;
drop table side;
drop table gain;
drop table due;
drop table movement;
