-- What campaigns say to shoppers and operators, as JSON; NULL: nothing. Linking does not read it.
ALTER TABLE campaigns ADD COLUMN offer TEXT;
ALTER TABLE campaigns ADD COLUMN metadata TEXT;
-- One more with each change.
ALTER TABLE campaigns ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- What a redemption took off the cart, if the caller said so: in the currency's minor unit, and an ISO 4217 code.
ALTER TABLE redemptions ADD COLUMN amount_minor_units INTEGER;
ALTER TABLE redemptions ADD COLUMN amount_currency TEXT;
