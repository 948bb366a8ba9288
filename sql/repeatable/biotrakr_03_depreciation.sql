-- What an asset is worth in the books on any day, by its method.
--
-- Conventions. The basis is purchase plus installation cost. A day counts whole: the value on a date is that at its end, so an
-- asset in service from 1 January has one year behind it on 31 December. Methods run in years of service (from anniversary to
-- anniversary), and within one the year's depreciation is spread evenly over its days: a first calendar year that is part of
-- one takes its share, the rest of that year of service falls into the next. Values are rounded to cents when they are returned.
-- Retirement and disposal do not enter: what is left when an asset goes is written off in the ledger, by whoever keeps it.

CREATE OR REPLACE FUNCTION years_in_service(first_day date, day date) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    until date := day + 1;
    years integer := extract(year FROM until)::integer - extract(year FROM first_day)::integer;
    anniversary date;
BEGIN
    IF until <= first_day THEN
        RETURN 0;
    END IF;
    anniversary := first_day + make_interval(years => years);
    IF anniversary > until THEN
        years := years - 1;
        anniversary := first_day + make_interval(years => years);
    END IF;
    RETURN years + (until - anniversary)::numeric / ((first_day + make_interval(years => years + 1))::date - anniversary);
END
$$;
COMMENT ON FUNCTION years_in_service(date, date) IS
    'Years of service at the end of a day, as a fraction; 0 before the first day. years_in_service(''2024-01-01'', ''2024-12-31'') = 1.';

-- The value after a whole number of years. Each method by its rule in a sentence; S salvage, C cost, n years of life.
CREATE OR REPLACE FUNCTION value_after_years(
    method depreciation_method, cost numeric, salvage numeric, life integer, years integer, rate numeric DEFAULT NULL
) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    value numeric := cost;
BEGIN
    IF years <= 0 THEN
        RETURN cost;
    ELSIF years >= life THEN
        RETURN salvage;
    END IF;
    CASE method
    WHEN 'STRAIGHT_LINE' THEN
        -- every year the same
        RETURN cost - (cost - salvage) * years / life;
    WHEN 'SUM_OF_YEARS_DIGITS' THEN
        -- of C − S in year i the share (n − i + 1) / (1 + 2 + … + n)
        RETURN cost - (cost - salvage) * (years * life - years * (years - 1) / 2) / (life * (life + 1) / 2);
    WHEN 'DECLINING_BALANCE' THEN
        -- every year the same share of what is left, never below S; what is then left above S goes in the last year
        RETURN greatest(salvage, cost * power(1 - coalesce(rate, least(1, 1.5 / life)), years));
    WHEN 'DOUBLE_DECLINING' THEN
        -- every year 2/n of what is left, or the straight line over the remaining years when that is more; never below S
        FOR year IN 1..years LOOP
            value := greatest(salvage, value - greatest(value * 2 / life, (value - salvage) / (life - year + 1)));
        END LOOP;
        RETURN value;
    WHEN 'UNITS_OF_PRODUCTION' THEN
        RAISE EXCEPTION 'units of production do not depend on years' USING ERRCODE = 'invalid_parameter_value';
    END CASE;
END
$$;
COMMENT ON FUNCTION value_after_years(depreciation_method, numeric, numeric, integer, integer, numeric) IS
    'Book value, not rounded, after whole years of service, for the four methods that depend on time. rate: the yearly share of DECLINING_BALANCE, 1.5 / life when NULL.';

CREATE OR REPLACE FUNCTION depreciated_value(
    method depreciation_method, cost numeric, salvage numeric, life integer, years numeric,
    rate numeric DEFAULT NULL, units_share numeric DEFAULT NULL
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(CASE
        WHEN years <= 0 THEN cost
        WHEN method = 'UNITS_OF_PRODUCTION' THEN cost - (cost - salvage) * CASE WHEN units_share < 1 THEN units_share WHEN units_share >= 1 THEN 1 END
        ELSE before + (after - before) * (years - floor(years))
    END, 2)
    FROM (SELECT
        CASE WHEN method <> 'UNITS_OF_PRODUCTION' THEN value_after_years(method, cost, salvage, life, floor(years)::integer, rate) END AS before,
        CASE WHEN method <> 'UNITS_OF_PRODUCTION' THEN value_after_years(method, cost, salvage, life, floor(years)::integer + 1, rate) END AS after
    ) AS year
$$;
COMMENT ON FUNCTION depreciated_value(depreciation_method, numeric, numeric, integer, numeric, numeric, numeric) IS
    'Book value in cents after a fraction of years of service; for UNITS_OF_PRODUCTION after a share (0 to 1) of the units of a life.';

CREATE OR REPLACE FUNCTION cost_basis(asset assets) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT asset.purchase_cost + coalesce(asset.installation_cost, 0) $$;
COMMENT ON FUNCTION cost_basis(assets) IS 'What depreciates: purchase plus installation cost; NULL when the purchase cost is not known.';

CREATE OR REPLACE FUNCTION units_made(asset assets, day date) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT asset.usage_units_before_logs + coalesce(sum(u.units), 0)
    FROM facilities f
    LEFT JOIN usage_logs u ON u.asset_id = asset.id AND u.session_start < ((day + 1)::timestamp AT TIME ZONE f.timezone)
    WHERE f.id = asset.current_facility_id
$$;
COMMENT ON FUNCTION units_made(assets, date) IS 'Units made until the end of a day at the facility, by usage_logs; a session counts on the day it starts.';

CREATE OR REPLACE FUNCTION book_value(asset assets, day date) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT depreciated_value(asset.depreciation_method, cost_basis(asset), asset.salvage_value, asset.useful_life_years,
        years_in_service(in_service_date(asset), day), asset.depreciation_rate,
        CASE WHEN asset.depreciation_method = 'UNITS_OF_PRODUCTION' THEN units_made(asset, day) / asset.useful_life_units END)
    WHERE in_service_date(asset) IS NOT NULL
$$;
COMMENT ON FUNCTION book_value(assets, date) IS
    'Book value at the end of a day, by the asset''s own method: the cost before its first day of service, never below salvage_value; NULL without a cost or a date.';

CREATE OR REPLACE FUNCTION book_value(asset assets) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT book_value(asset, facility_date(asset.current_facility_id)) $$;
COMMENT ON FUNCTION book_value(assets) IS 'Book value today. May be written as a column: SELECT a.book_value FROM assets a.';

CREATE OR REPLACE FUNCTION accumulated_depreciation(asset assets) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT cost_basis(asset) - book_value(asset) $$;
COMMENT ON FUNCTION accumulated_depreciation(assets) IS 'What the asset has lost of its cost until today.';

CREATE OR REPLACE FUNCTION depreciation_schedule(asset_id text)
RETURNS TABLE (service_year integer, from_date date, to_date date, opening_value numeric, depreciation numeric, closing_value numeric)
LANGUAGE sql STABLE AS $$
    SELECT year, from_date, to_date, opening, opening - closing, closing
    FROM assets a
    CROSS JOIN generate_series(1, a.useful_life_years) AS year
    CROSS JOIN LATERAL (SELECT
        (in_service_date(a) + make_interval(years => year - 1))::date AS from_date,
        (in_service_date(a) + make_interval(years => year))::date - 1 AS to_date) AS span
    CROSS JOIN LATERAL (SELECT book_value(a, from_date - 1) AS opening, book_value(a, to_date) AS closing) AS value
    WHERE a.id = depreciation_schedule.asset_id
    ORDER BY year
$$;
COMMENT ON FUNCTION depreciation_schedule(text) IS
    'The years of an asset''s useful life with their depreciation. For UNITS_OF_PRODUCTION: by the units logged so far.';
