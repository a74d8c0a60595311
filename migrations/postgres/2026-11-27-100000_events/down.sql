DROP TABLE event_outbox;
DROP TABLE events;
DROP TABLE event_feeds;
