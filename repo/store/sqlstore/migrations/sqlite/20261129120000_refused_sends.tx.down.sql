DROP TABLE IF EXISTS refused_sends;
