ALTER TABLE redemptions DROP COLUMN amount_currency;
ALTER TABLE redemptions DROP COLUMN amount_minor_units;
ALTER TABLE campaigns DROP COLUMN version;
ALTER TABLE campaigns DROP COLUMN metadata;
ALTER TABLE campaigns DROP COLUMN offer;
