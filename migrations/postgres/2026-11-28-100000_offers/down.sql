ALTER TABLE redemptions DROP COLUMN amount_currency, DROP COLUMN amount_minor_units;
ALTER TABLE campaigns DROP COLUMN version, DROP COLUMN metadata, DROP COLUMN offer;
