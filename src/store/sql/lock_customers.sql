-- Locks customers of an organisation until the end of the transaction, by rows that each stand for some of them. Makes rows
-- that are missing: an upsert locks a row also if it changes nothing
-- (https://www.postgresql.org/docs/current/sql-insert.html).
--
-- Servers of earlier versions take advisory locks of these numbers instead, and may run beside this one.
INSERT INTO customer_locks (org_id, number)
SELECT $org, customer.number
FROM unnest($numbers) AS customer (number)
CROSS JOIN LATERAL (SELECT pg_advisory_xact_lock(customer.number) OFFSET 0) earlier_versions
ON CONFLICT (org_id, number) DO UPDATE SET number = excluded.number WHERE false
