-- Adds codes to a campaign, except existing ones. Returns the folded texts of the new ones.
INSERT INTO promotion_codes (org_id, mode, campaign_id, created_on, folded, code, max_links, revoked_on)
SELECT $org, $mode, $campaign, $created_on, new.*
FROM unnest($folded, $texts, $max_links, $revoked_on) AS new (folded, code, max_links, revoked_on)
ON CONFLICT DO NOTHING
RETURNING folded
