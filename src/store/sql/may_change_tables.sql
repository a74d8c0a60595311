-- Whether the role of the session may read and change the tables that requests change.
(
    SELECT bool_and(
        has_table_privilege(name::regclass, 'SELECT')
        AND has_table_privilege(name::regclass, 'INSERT')
        AND has_table_privilege(name::regclass, 'UPDATE')
    )
    FROM unnest(ARRAY['campaigns', 'promotion_codes', 'promotions', 'redemptions']) AS name
)
