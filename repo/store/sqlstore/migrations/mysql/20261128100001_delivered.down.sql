DROP TABLE IF EXISTS delivered_positions;
