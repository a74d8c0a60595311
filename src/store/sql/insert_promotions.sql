-- Inserts the promotions of a batch.
INSERT INTO promotions (org_id, mode, folded, id, campaign_id, customer_id, created_on)
SELECT * FROM unnest($orgs, $codes, $ids, $campaigns, $customers, $created_on)
