-- What few messages have: what they answer, mentions, reactions, what changed them.
ALTER TABLE messages ADD COLUMN extra MEDIUMTEXT NULL;
