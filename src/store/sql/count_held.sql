-- Counts the codes of a campaign that customers of an organisation hold or have used.
SELECT requested.campaign_id, requested.customer_id, counted.held
FROM unnest($campaigns, $customers) AS requested (campaign_id, customer_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS held FROM promotions hold
    WHERE hold.org_id = $org AND hold.customer_id = requested.customer_id
        AND hold.campaign_id = requested.campaign_id AND $counts
) counted
