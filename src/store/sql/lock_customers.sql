-- Locks customers until the end of the transaction, by rows that each stand for some customers of an organisation. Makes rows
-- that are missing: an upsert locks a row also if it changes nothing
-- (https://www.postgresql.org/docs/current/sql-insert.html).
INSERT INTO customer_locks (org_id, number)
SELECT $org_column, customer.number
FROM $place unnest($orgs, $numbers) AS customer (org_id, number)
ON CONFLICT (org_id, number) DO UPDATE SET number = excluded.number WHERE false
