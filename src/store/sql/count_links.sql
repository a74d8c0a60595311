-- Adds new promotions to the link counts of their codes. The table's constraint rejects more than max_links.
UPDATE promotion_codes code SET link_count = code.link_count + linked.times
FROM unnest($orgs, $codes, $times) AS linked (org_id, mode, folded, times)
WHERE code.org_id = linked.org_id AND code.mode = linked.mode AND code.folded = linked.folded
