-- Reads the holds that customers of an organisation have on the codes that they ask for.
SELECT $columns
FROM unnest($codes, $customers) AS requested (mode, folded, customer_id)
CROSS JOIN LATERAL (
    SELECT * FROM promotions hold
    WHERE hold.org_id = $org AND hold.mode = requested.mode AND hold.folded = requested.folded
        AND hold.customer_id = requested.customer_id AND hold.unlinked_on IS NULL
    LIMIT 1
) promotions
