-- Spends some of a budget, and returns when it will be full again. One budget, because Citus loses the parameters of an upsert
-- from a query.
INSERT INTO failed_link_budgets AS known (org_id, budget, refilled_on)
VALUES ($org, $budget, $refilled_on)
ON CONFLICT (org_id, budget) DO UPDATE
SET refilled_on = greatest(known.refilled_on, $now) + $millis
RETURNING budget, refilled_on
