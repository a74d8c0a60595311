DROP FUNCTION next_event_number();
DROP TABLE customer_locks;
