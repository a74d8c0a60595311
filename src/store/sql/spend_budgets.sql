-- Spends some of budgets, and returns when each will be full again.
INSERT INTO failed_link_budgets AS known (org_id, budget, refilled_on)
SELECT $org, spent.budget, $now + spent.millis FROM unnest($budgets, $millis) AS spent (budget, millis)
ON CONFLICT (org_id, budget) DO UPDATE
SET refilled_on = greatest(known.refilled_on, $now) + (excluded.refilled_on - $now)
RETURNING budget, refilled_on
