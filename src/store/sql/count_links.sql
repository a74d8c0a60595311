-- Adds new promotions to the link counts of their codes. The table's constraint rejects more than max_links. A batch of a
-- distributed database has one organisation.
UPDATE promotion_codes code SET link_count = code.link_count + linked.times
FROM unnest($orgs, $codes, $times) AS linked (org_id, mode, folded, times)
WHERE code.org_id = $org AND code.mode = linked.mode AND code.folded = linked.folded
