-- The newest holds of a customer are the ones too many: ids ascend in time.
SELECT
    numbered.org_id, numbered.id,
    'it is hold ' || numbered.number || ' of its customer, who may have ' || numbered.allowed AS about,
    numbered.folded AS code
FROM (
    SELECT
        hold.org_id, hold.id, hold.folded, campaign.max_links_per_customer AS allowed,
        row_number() OVER (PARTITION BY hold.org_id, hold.campaign_id, hold.customer_id ORDER BY hold.id) AS number
    FROM counting_holds hold
    CROSS JOIN campaigns campaign
    WHERE campaign.org_id = hold.org_id AND campaign.id = hold.campaign_id
        AND campaign.max_links_per_customer IS NOT NULL
) numbered
WHERE numbered.number > numbered.allowed
