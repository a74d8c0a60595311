-- Changes codes, then promotions. The foreign key between them is absent meanwhile: checking it would read all promotions
-- for each code.
UPDATE promotion_codes AS code SET folded = changed.between_both FROM refolded changed
    WHERE code.org_id = changed.org_id AND code.mode = changed.mode AND code.folded = changed.old;
UPDATE promotion_codes AS code SET folded = changed.new FROM refolded changed
    WHERE code.org_id = changed.org_id AND code.mode = changed.mode AND code.folded = changed.between_both;
UPDATE promotions AS hold SET folded = changed.between_both FROM refolded changed
    WHERE hold.org_id = changed.org_id AND hold.mode = changed.mode AND hold.folded = changed.old;
UPDATE promotions AS hold SET folded = changed.new FROM refolded changed
    WHERE hold.org_id = changed.org_id AND hold.mode = changed.mode AND hold.folded = changed.between_both;
