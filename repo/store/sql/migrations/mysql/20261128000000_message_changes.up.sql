-- What few messages have: what they answer, mentions, reactions, what changed them. The
-- comment is read by MariaDB alone: a migration that was killed after its statement runs again.
ALTER TABLE messages ADD COLUMN /*M! IF NOT EXISTS */ extra MEDIUMTEXT NULL;
