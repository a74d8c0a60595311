-- The newest holds of a code are the ones too many: ids ascend in time.
SELECT
    numbered.org_id, numbered.id,
    'it is hold ' || numbered.number || ' of a code with maxLinks ' || numbered.max_links AS about, numbered.code
FROM (
    SELECT
        hold.org_id, hold.id, code.max_links, code.code,
        row_number() OVER (PARTITION BY hold.org_id, hold.mode, hold.folded ORDER BY hold.id) AS number
    FROM counting_holds hold
    CROSS JOIN promotion_codes code
    WHERE code.org_id = hold.org_id AND code.mode = hold.mode AND code.folded = hold.folded
        AND code.max_links IS NOT NULL
) numbered
WHERE numbered.number > numbered.max_links
