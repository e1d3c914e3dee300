-- PostgreSQL: one trade settles by itself. What is received comes first, so that a broker which trades with
-- itself needs to hold nothing; every balance is checked with each change.
create function part(total bigint, ppm bigint) returns bigint language sql immutable as
$$ select total / 1000000 * ppm + total % 1000000 * ppm / 1000000 $$;

create procedure settle(
    p_day integer, p_number bigint, p_time integer, p_buyer integer, p_seller integer,
    p_security integer, p_quantity bigint, p_amount bigint
) language plpgsql as $$
declare
    v_fee bigint;
    v_levy bigint;
    v_beneficiary integer;
    v_bought bigint;
    v_sold bigint;
    v_from_buyer bigint;
    v_from_seller bigint;
    v_buyer_gives bigint := 0;
    v_seller_gives bigint := 0;
    v_share share;
begin
    select part(p_amount, rate_ppm) into strict v_fee
    from slab where p_amount <= up_to order by up_to limit 1;
    select part(p_amount, rate_ppm), beneficiary into strict v_levy, v_beneficiary from levy;
    insert into trade (
        trading_day, number, time, buyer, seller, security, quantity, amount, commission, levy
    ) values (
        p_day, p_number, p_time, p_buyer, p_seller, p_security, p_quantity, p_amount, v_fee, v_levy
    );
    insert into earned as e (broker, commission) values (p_buyer, v_fee)
    on conflict (broker) do update set commission = e.commission + v_fee returning commission into v_bought;
    insert into earned as e (broker, commission) values (p_seller, v_fee)
    on conflict (broker) do update set commission = e.commission + v_fee returning commission into v_sold;

    for v_share in select * from share loop
        v_from_buyer := part(v_bought, v_share.share_ppm) - part(v_bought - v_fee, v_share.share_ppm);
        v_from_seller := part(v_sold, v_share.share_ppm) - part(v_sold - v_fee, v_share.share_ppm);
        v_buyer_gives := v_buyer_gives + v_from_buyer;
        v_seller_gives := v_seller_gives + v_from_seller;
        insert into balance (holder, asset, amount)
        values (v_share.party, 0, v_from_buyer + v_from_seller)
        on conflict (holder, asset) do update set amount = balance.amount + excluded.amount;
    end loop;

    insert into balance (holder, asset, amount)
    values (v_beneficiary, 0, 2 * v_levy)
    on conflict (holder, asset) do update set amount = balance.amount + excluded.amount;
    insert into balance (holder, asset, amount)
    values (p_buyer, p_security, p_quantity)
    on conflict (holder, asset) do update set amount = balance.amount + excluded.amount;
    insert into balance (holder, asset, amount)
    values (p_seller, 0, p_amount - v_levy - v_seller_gives)
    on conflict (holder, asset) do update set amount = balance.amount + excluded.amount;
    update balance set amount = amount - p_quantity where holder = p_seller and asset = p_security;
    if not found then
        raise check_violation using message = format('%s holds nothing of %s', p_seller, p_security);
    end if;
    update balance set amount = amount - p_amount - v_levy - v_buyer_gives
    where holder = p_buyer and asset = 0;
    if not found then
        raise check_violation using message = format('%s holds no cash', p_buyer);
    end if;
end $$;
