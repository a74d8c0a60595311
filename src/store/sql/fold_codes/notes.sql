-- The codes whose folded text changes. On its way from `old` to `new` it is `between_both`, which contains a control
-- character and so is no code: `new` may still be the text of another code that changes as well.
--
-- Created from a query, so that the columns are compared as those of codes are.
CREATE TEMPORARY TABLE refolded AS
    SELECT org_id, mode, folded AS old, folded AS between_both, folded AS new FROM promotion_codes WHERE 1 = 0;
CREATE INDEX refolded_old ON refolded (org_id, mode, old);
CREATE INDEX refolded_between ON refolded (org_id, mode, between_both);
CREATE INDEX refolded_new ON refolded (org_id, mode, new);
