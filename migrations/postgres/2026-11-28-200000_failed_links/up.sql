-- The budgets of failed links that are not full: the servers share them, so that a caller who guesses codes has one budget,
-- however many servers there are.
CREATE TABLE failed_link_budgets (
    org_id       BIGINT NOT NULL,
    -- The credential, and the customer if the budget is for one: `key:UUID`, `customer:NUMBER`, `key:UUID/NUMBER`.
    budget       TEXT   COLLATE "C" NOT NULL,
    -- When the budget will be full again. A failed link adds the time in which one is refilled.
    refilled_on  BIGINT NOT NULL,
    PRIMARY KEY (org_id, budget)
);
