DROP TABLE redemptions;
DROP TABLE promotions;
DROP TABLE promotion_codes;
DROP TABLE campaigns;
