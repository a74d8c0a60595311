-- Counts the codes of a campaign that customers hold or have used.
SELECT requested.org_id, requested.campaign_id, requested.customer_id, counted.held
FROM unnest($orgs, $campaigns, $customers) AS requested (org_id, campaign_id, customer_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS held FROM promotions hold
    WHERE hold.org_id = requested.org_id AND hold.customer_id = requested.customer_id
        AND hold.campaign_id = requested.campaign_id AND $counts
) counted
