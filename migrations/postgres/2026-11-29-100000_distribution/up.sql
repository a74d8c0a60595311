-- What links in a database whose tables are distributed over several servers need. There, an advisory lock excludes only those
-- who are connected to the same server, and each server takes numbers from a sequence of its own.

-- Rows to lock instead of customers, of which there may be no row yet. Each stands for some customers of the organisation.
CREATE TABLE customer_locks (
    org_id  BIGINT NOT NULL,
    number  BIGINT NOT NULL,
    PRIMARY KEY (org_id, number)
);

-- The next number for event_outbox, on the server that executes the function. It has the rights of its owner, because the role
-- of the servers need not have any for the sequence, and contains the sequence's full name, because search_path may differ on
-- other servers.
DO $$
BEGIN
    EXECUTE format(
        'CREATE FUNCTION next_event_number() RETURNS BIGINT LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS %L',
        format(
            'BEGIN RETURN pg_catalog.nextval(%L::pg_catalog.regclass); END',
            pg_get_serial_sequence('event_outbox', 'number')
        )
    );
END
$$;
