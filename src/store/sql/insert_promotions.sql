-- Inserts the promotions of a batch.
INSERT INTO promotions (org_id, mode, folded, id, campaign_id, customer_id, created_on)
SELECT $org_column, new.mode, new.folded, new.id, new.campaign_id, new.customer_id, new.created_on
FROM $place unnest($orgs, $codes, $ids, $campaigns, $customers, $created_on)
    AS new (org_id, mode, folded, id, campaign_id, customer_id, created_on)
