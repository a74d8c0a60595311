-- Whether the role of the session may read and change the tables that requests use, or columns of them.
(
    SELECT bool_and(has_any_column_privilege(name::regclass, privilege))
    FROM (
        VALUES
            ('api_keys', 'SELECT'), ('organisations', 'SELECT'),
            ('campaigns', 'SELECT'), ('campaigns', 'INSERT'), ('campaigns', 'UPDATE'),
            ('promotion_codes', 'SELECT'), ('promotion_codes', 'INSERT'), ('promotion_codes', 'UPDATE'),
            ('promotions', 'SELECT'), ('promotions', 'INSERT'), ('promotions', 'UPDATE'),
            ('redemptions', 'SELECT'), ('redemptions', 'INSERT'), ('redemptions', 'UPDATE'),
            ('customer_locks', 'INSERT'), ('customer_locks', 'UPDATE')
    ) AS required (name, privilege)
)
AND has_function_privilege('next_event_number()', 'EXECUTE')
