DROP TABLE IF EXISTS announcements;
