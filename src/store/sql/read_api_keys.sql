-- Reads keys of any organisations. A lateral subquery with a limit finds each by its whole key, where a planner without
-- statistics might read all keys of an organisation.
SELECT $columns
FROM unnest($orgs, $ids) AS requested (org_id, id)
CROSS JOIN LATERAL (
    SELECT * FROM api_keys key WHERE key.org_id = requested.org_id AND key.id = requested.id LIMIT 1
) api_keys
