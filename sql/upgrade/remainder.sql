-- Keeps what v2's own columns do not give back, for one table. Replaced before it runs: $table is the table's name, $rows a query
-- that gives v1's rows as (id, row). By comparing and not by a list of columns: what nobody thought of is kept as well, such as a
-- column the hospital added.
INSERT INTO biotrakr_upgrade.remainder (table_name, row_id, v1)
SELECT '$table', was.id, (
    SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(was.row) v WHERE again.row -> v.key IS DISTINCT FROM v.value)
FROM ($rows) was
LEFT JOIN biotrakr_upgrade.$table_again again ON again.id = was.id
WHERE EXISTS (SELECT FROM jsonb_each(was.row) v WHERE again.row -> v.key IS DISTINCT FROM v.value);

INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'differs', r.table_name, r.row_id, (
    SELECT jsonb_object_agg(v.key, jsonb_build_object('v1', v.value, 'v2', again.row -> v.key)) FROM jsonb_each(r.v1) v)
FROM biotrakr_upgrade.remainder r
JOIN biotrakr_upgrade.$table_again again ON again.id = r.row_id
WHERE r.table_name = '$table';
