-- The role of the servers, which can change rows but not tables. The image of PostgreSQL runs this when it creates the database,
-- as promolink_owner. That role owns the tables, because `promolink migrate` uses it.
\getenv password SERVER_PASSWORD
CREATE ROLE promolink LOGIN PASSWORD :'password';
ALTER DEFAULT PRIVILEGES FOR ROLE promolink_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO promolink;
