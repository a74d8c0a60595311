SELECT
    numbered.org_id, numbered.id,
    'it is hold ' || numbered.number || ' of its customer on its code' AS about, numbered.folded AS code
FROM (
    SELECT
        hold.org_id, hold.id, hold.folded,
        row_number() OVER (
            PARTITION BY hold.org_id, hold.mode, hold.folded, hold.customer_id ORDER BY hold.id
        ) AS number
    FROM promotions hold
    WHERE hold.unlinked_on IS NULL
) numbered
WHERE numbered.number > 1
