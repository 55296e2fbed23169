-- Every statement of the store on MySQL, with the methods that run it; Save is the saver's transaction.
-- Texts are 't' and numbers 1, a list has one of each. The plans' test on MySQL holds it to the code:
--   GOCHAT_WRITE_STATEMENTS=1 go test -run TestPlansOnMySQL ./repo

DELETE FROM `announcements` WHERE (announcement_id IN (1)); -- DropAnnouncements
DELETE FROM `group_members` WHERE (group_id = 1) AND (user_id = 1); -- ChangeGroup
DELETE FROM device_tokens WHERE user_id = 1 AND device_id = 't' AND expires_at < 1; -- Use
DELETE FROM device_tokens WHERE user_id = 1 AND device_id = 't' AND token_id = 't'; -- Use
DELETE FROM devices WHERE user_id = 1 AND device_id IN ('t'); -- See
DELETE FROM poison_records WHERE record_id IN (1); -- ForgetPoison
DELETE FROM poison_records WHERE requeued_at = 1 AND record_id IN (1); -- ForgetOldPoison
DELETE FROM search_blocks WHERE conversation_id = 't' AND block >= 1 AND block < 1; -- Expire
DELETE FROM webhook_cursors WHERE hook = 't' LIMIT 1; -- ForgetHook
DELETE FROM webhook_hooks WHERE hook = 't'; -- ForgetHook
DELETE t FROM (SELECT sender_id, client_msg_id FROM refused_sends FORCE INDEX (refused_sends_at) WHERE refused_at < 1 ORDER BY refused_at LIMIT 1) AS old JOIN refused_sends AS t ON old.sender_id = t.sender_id AND old.client_msg_id = t.client_msg_id; -- ForgetRefusals
DELETE t FROM (SELECT token_id FROM revoked_tokens FORCE INDEX (ix_revoked_tokens_expires) WHERE expires_at < 1 ORDER BY expires_at LIMIT 1) AS old JOIN revoked_tokens AS t ON old.token_id = t.token_id; -- Revoke
INSERT IGNORE INTO `conversations` (`conversation_id`, `type`, `user_a`, `user_b`, `group_id`, `last_seq`, `last_message_at`, `created_at`, `dissolved_at`, `changed_seq`, `members_version`, `member_count`, `member_peak`, `shrunk_at`, `counted_seq`, `skipped`, `message_seq`, `stored_at`, `expired_seq`) VALUES ('t', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1); -- BeginSingles, EnsureSingle
INSERT IGNORE INTO `revoked_tokens` (`token_id`, `user_id`, `expires_at`) VALUES ('t', 1, 1); -- Revoke
INSERT IGNORE INTO device_tokens (user_id, device_id, token_id, expires_at) VALUES (1,'t','t',1); -- Use
INSERT IGNORE INTO refused_sends (sender_id, client_msg_id, refused_at) VALUES (1,'t',1); -- Refuse
INSERT IGNORE INTO revoked_tokens (token_id, user_id, expires_at) SELECT token_id, user_id, expires_at FROM device_tokens WHERE user_id = 1 AND device_id = 't'; -- Forbid
INSERT IGNORE INTO revoked_tokens (token_id, user_id, expires_at) VALUES ('t',1,1); -- Use
INSERT IGNORE INTO webhook_hooks (hook, begun_at) VALUES ('t', 1); -- BeginHooks
INSERT INTO `announcements` (`announcement_id`, `created_at`, `payload`) VALUES (1, 1, 't'); -- ChangeGroup, StoreGroup
INSERT INTO `conversation_members` (`conversation_id`, `user_id`, `join_seq`, `read_seq`, `left_seq`) VALUES ('t', 1, 1, 1, NULL); -- BeginSingles, EnsureSingle
INSERT INTO `conversations` (`conversation_id`, `type`, `user_a`, `user_b`, `group_id`, `last_seq`, `last_message_at`, `created_at`, `dissolved_at`, `changed_seq`, `members_version`, `member_count`, `member_peak`, `shrunk_at`, `counted_seq`, `skipped`, `message_seq`, `stored_at`, `expired_seq`) VALUES ('t', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1); -- StoreGroup
INSERT INTO `group_members` (`group_id`, `user_id`, `role`, `joined_at`) VALUES (1, 1, 't', 1); -- ChangeGroup, StoreGroup
INSERT INTO `groups` (`group_id`, `conversation_id`, `name`, `announcement`, `owner_id`, `member_count`, `join_policy`, `created_at`, `dissolved_at`) VALUES (1, 't', 't', 't', 1, 1, 't', 1, 1); -- StoreGroup
INSERT INTO `users` (`user_id`, `username`, `username_key`, `nickname`, `avatar_url`, `password_hash`, `created_at`, `version`) VALUES (1, 't', 't', 't', 't', 't', 1, 1); -- Create
INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq) SELECT conversation_id, 1, last_seq, last_seq FROM conversations WHERE conversation_id = 't'; -- Create
INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq) VALUES ('t',1,1,1) ON DUPLICATE KEY UPDATE join_seq = VALUES(join_seq), read_seq = VALUES(read_seq), left_seq = NULL; -- ChangeGroup, StoreGroup
INSERT INTO conversation_members (conversation_id, user_id, read_seq, sent_seq) VALUES ('t',1,1,1) ON DUPLICATE KEY UPDATE read_seq = GREATEST(read_seq, VALUES(read_seq)), sent_seq = GREATEST(sent_seq, VALUES(sent_seq)); -- Save
INSERT INTO conversations (conversation_id, type, last_seq, last_message_at, stored_at, created_at, changed_seq, counted_seq, skipped, message_seq) VALUES ('t',1,1,1,1,1,1,1,1,1) ON DUPLICATE KEY UPDATE last_seq = VALUES(last_seq), counted_seq = VALUES(counted_seq), skipped = VALUES(skipped), message_seq = VALUES(message_seq), stored_at = GREATEST(stored_at, VALUES(stored_at)), last_message_at = GREATEST(last_message_at, VALUES(last_message_at)), changed_seq = GREATEST(changed_seq, VALUES(changed_seq)); -- Save
INSERT INTO delivered_positions (conversation_id, user_id, delivered_seq) VALUES ('t',1,1) ON DUPLICATE KEY UPDATE delivered_seq = GREATEST(delivered_seq, VALUES(delivered_seq)); -- MarkDelivered
INSERT INTO devices (user_id, device_id, last_seen_at) VALUES (1,'t',1) ON DUPLICATE KEY UPDATE last_seen_at = GREATEST(last_seen_at, VALUES(last_seen_at)); -- See, Use
INSERT INTO message_skips (conversation_id, seq_id, skipped) VALUES ('t',1,1) ON DUPLICATE KEY UPDATE skipped = VALUES(skipped); -- ChangeGroup, Save
INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra) VALUES ('t',1,1,1,'t','t','t',1,'t'); -- ChangeGroup, Save
INSERT INTO poison_records (uuid, consumer_group, topic, reason, error, sender, conversation_id, temp_message_id, told, trace_id, poisoned_at, metadata, payload) VALUES ('t','t','t','t','t','t','t','t','t','t',1,'t','t') ON DUPLICATE KEY UPDATE uuid = uuid; -- KeepPoison
INSERT INTO search_blocks (conversation_id, block, newest_at, oldest_at, grams) VALUES ('t',1,1,1,'t') ON DUPLICATE KEY UPDATE block = VALUES(block); -- Backfill, Expire, Merge, Rebuild
INSERT INTO search_blocks (conversation_id, block, newest_at, oldest_at, grams) VALUES ('t',1,1,1,'t') ON DUPLICATE KEY UPDATE newest_at = VALUES(newest_at), oldest_at = VALUES(oldest_at), grams = VALUES(grams); -- Backfill, Expire, Merge, Rebuild
INSERT INTO sign_outs (user_id, signed_out_before) VALUES (1,1) ON DUPLICATE KEY UPDATE signed_out_before = GREATEST(signed_out_before, VALUES(signed_out_before)); -- SignOut
INSERT INTO webhook_cursors (hook, conversation_id, news_seq, due_at, pending_since) VALUES ('t','t',1,1,1) ON DUPLICATE KEY UPDATE pending_since = IF(due_at = 1 AND VALUES(news_seq) > news_seq, VALUES(pending_since), pending_since), due_at = IF(due_at = 1 AND VALUES(news_seq) > news_seq, VALUES(due_at), due_at), news_seq = GREATEST(news_seq, VALUES(news_seq)); -- RaiseNews, ScanNews
SELECT * FROM (SELECT 1 AS part, block, newest_at, oldest_at FROM search_blocks WHERE conversation_id = 't' AND newest_at <= 1 AND (newest_at < 1 OR block < 1) AND oldest_at <= 1 ORDER BY newest_at DESC, block DESC LIMIT 1) AS x ORDER BY part, newest_at DESC, block DESC; -- Blocks
SELECT * FROM (SELECT 1 AS part, block, newest_at, oldest_at FROM search_blocks WHERE conversation_id = 't' AND newest_at <= 1 AND (newest_at < 1 OR block < 1) AND oldest_at <= 1 ORDER BY newest_at DESC, block DESC LIMIT 1) AS x UNION ALL SELECT * FROM (SELECT 1 AS part, block, newest_at, oldest_at FROM search_blocks WHERE conversation_id = 't' AND newest_at <= 1 AND (newest_at < 1 OR block < 1) AND oldest_at <= 1 ORDER BY newest_at DESC, block DESC LIMIT 1) AS x ORDER BY part, newest_at DESC, block DESC; -- Blocks
SELECT * FROM (SELECT 1 AS part, skipped FROM message_skips WHERE conversation_id = 't' AND seq_id <= 1 ORDER BY seq_id DESC LIMIT 1) AS x; -- Conversation, List, MarkRead
SELECT 1 FROM conversations FORCE INDEX (PRIMARY) WHERE conversation_id = 't' FOR UPDATE; -- Refuse
SELECT COALESCE(MAX(id), 1) FROM (SELECT MAX(message_id) AS id FROM messages UNION ALL SELECT MAX(user_id) FROM users UNION ALL SELECT MAX(group_id) FROM `groups`) AS ids; -- NewestID
SELECT COUNT(*), COALESCE(SUM(CASE WHEN m.read_seq >= 1 THEN 1 ELSE 1 END), 1), COALESCE(SUM(CASE WHEN m.read_seq >= 1 OR d.delivered_seq >= 1 THEN 1 ELSE 1 END), 1) FROM conversation_members m LEFT JOIN delivered_positions d ON d.conversation_id = m.conversation_id AND d.user_id = m.user_id WHERE m.conversation_id = 't' AND m.left_seq IS NULL AND m.join_seq < 1 AND m.user_id <> 1; -- Readers
SELECT COUNT(*), COALESCE(SUM(CASE WHEN seq < 1 THEN 1 ELSE news_seq - seq END), 1), COALESCE(MIN(pending_since), 1) FROM webhook_cursors WHERE hook = 't' AND due_at > 1; -- HookStats
SELECT MIN(keep_ms) FROM conversations FORCE INDEX (ix_conversations_kept) WHERE type = 1 AND keep_ms > 1; -- DueConversations
SELECT `a`.`announcement_id`, `a`.`created_at`, `a`.`payload` FROM `announcements` AS `a` WHERE (announcement_id = 1); -- ChangeGroup, StoreGroup
SELECT `a`.`announcement_id`, `a`.`created_at`, `a`.`payload` FROM announcements AS a FORCE INDEX (ix_announcements_created) WHERE (created_at < 1) ORDER BY `created_at`, `announcement_id` LIMIT 1; -- Announcements
SELECT `c`.`conversation_id`, `c`.`type`, `c`.`user_a`, `c`.`user_b`, `c`.`group_id`, `c`.`last_seq`, `c`.`last_message_at`, `c`.`created_at`, `c`.`dissolved_at`, `c`.`changed_seq`, `c`.`members_version`, `c`.`member_count`, `c`.`member_peak`, `c`.`shrunk_at`, `c`.`counted_seq`, `c`.`skipped`, `c`.`message_seq`, `c`.`stored_at`, `c`.`expired_seq` FROM `conversations` AS `c` WHERE (conversation_id = 't'); -- BeginSingles, EnsureSingle
SELECT `c`.`conversation_id`, `c`.`type`, `c`.`user_a`, `c`.`user_b`, `c`.`group_id`, `c`.`last_seq`, `c`.`last_message_at`, `c`.`created_at`, `c`.`dissolved_at`, `c`.`changed_seq`, `c`.`members_version`, `c`.`member_count`, `c`.`member_peak`, `c`.`shrunk_at`, `c`.`counted_seq`, `c`.`skipped`, `c`.`message_seq`, `c`.`stored_at`, `c`.`expired_seq` FROM `conversations` AS `c` WHERE (conversation_id = 't') FOR UPDATE; -- ChangeGroup
SELECT `c`.`conversation_id`, `c`.`type`, `c`.`user_a`, `c`.`user_b`, `c`.`group_id`, `c`.`last_seq`, `c`.`last_message_at`, `c`.`created_at`, `c`.`dissolved_at`, `c`.`changed_seq`, `c`.`members_version`, `c`.`member_count`, `c`.`member_peak`, `c`.`shrunk_at`, `c`.`counted_seq`, `c`.`skipped`, `c`.`message_seq`, `c`.`stored_at`, `c`.`expired_seq` FROM `conversations` AS `c` WHERE (conversation_id IN ('t')); -- Facts
SELECT `c`.`conversation_id`, `c`.`user_a`, `c`.`user_b` FROM `conversations` AS `c` WHERE (conversation_id IN ('t')); -- BeginSingles
SELECT `epoch_row`.`id`, `epoch_row`.`epoch` FROM `store_epoch` AS `epoch_row` WHERE (`epoch_row`.`id` = 1); -- Epoch
SELECT `g`.`group_id`, `g`.`conversation_id`, `g`.`name`, `g`.`announcement`, `g`.`owner_id`, `g`.`member_count`, `g`.`join_policy`, `g`.`created_at`, `g`.`dissolved_at` FROM `groups` AS `g` WHERE (group_id = 1); -- ChangeGroup
SELECT `g`.`group_id`, `g`.`conversation_id`, `g`.`name`, `g`.`announcement`, `g`.`owner_id`, `g`.`member_count`, `g`.`join_policy`, `g`.`created_at`, `g`.`dissolved_at` FROM `groups` AS `g` WHERE (group_id IN (1)); -- Groups
SELECT `gm`.`group_id`, `gm`.`user_id`, `gm`.`role`, `gm`.`joined_at` FROM `group_members` AS `gm` WHERE (group_id = 1) AND (user_id = 1); -- ChangeGroup
SELECT `gm`.`group_id`, `gm`.`user_id`, `gm`.`role`, `gm`.`joined_at` FROM `group_members` AS `gm` WHERE (group_id = 1) AND (user_id > 1) ORDER BY `user_id` LIMIT 1; -- PageMembers
SELECT `gm`.`group_id`, `gm`.`user_id`, `gm`.`role`, `gm`.`joined_at` FROM `group_members` AS `gm` WHERE (group_id = 1) AND (user_id IN (1)); -- GroupMembers
SELECT `gm`.`user_id` FROM `group_members` AS `gm` WHERE (group_id = 1) AND (user_id IN (1)); -- ChangeGroup
SELECT `u`.`user_id` FROM `users` AS `u` WHERE (user_id IN (1)); -- BeginSingles
SELECT `u`.`user_id`, `u`.`username`, `u`.`username_key`, `u`.`nickname`, `u`.`avatar_url`, `u`.`password_hash`, `u`.`created_at`, `u`.`version` FROM `users` AS `u` WHERE (user_id = 1); -- Update
SELECT `u`.`user_id`, `u`.`username`, `u`.`username_key`, `u`.`nickname`, `u`.`avatar_url`, `u`.`password_hash`, `u`.`created_at`, `u`.`version` FROM `users` AS `u` WHERE (user_id IN (1)); -- ByID
SELECT `u`.`user_id`, `u`.`username`, `u`.`username_key`, `u`.`nickname`, `u`.`avatar_url`, `u`.`password_hash`, `u`.`created_at`, `u`.`version` FROM `users` AS `u` WHERE (username_key = 't'); -- ByName
SELECT begun_at FROM webhook_hooks WHERE hook = 't'; -- ReplayHook, TakeNews
SELECT c.conversation_id, COALESCE((SELECT MAX(m.seq_id) FROM messages m WHERE m.conversation_id = c.conversation_id), 1) FROM conversations c WHERE c.conversation_id IN ('t'); -- Save
SELECT c.conversation_id, c.type, c.user_a, c.user_b, c.group_id, c.last_seq, c.last_message_at, c.created_at, c.dissolved_at, c.changed_seq, c.members_version, c.member_count, c.member_peak, c.shrunk_at, c.counted_seq, c.skipped, c.message_seq, c.stored_at, c.expired_seq, m.join_seq, m.read_seq FROM `conversations` AS `c` JOIN conversation_members AS m ON m.conversation_id = c.conversation_id WHERE (m.user_id = 1) AND (m.left_seq IS NULL) AND (c.last_seq > 1) AND (c.conversation_id = 't') ORDER BY `c`.`last_message_at` DESC, `c`.`conversation_id`; -- Searchable
SELECT c.conversation_id, c.type, c.user_a, c.user_b, c.group_id, c.last_seq, c.last_message_at, c.created_at, c.dissolved_at, c.changed_seq, c.members_version, c.member_count, c.member_peak, c.shrunk_at, c.counted_seq, c.skipped, c.message_seq, c.stored_at, c.expired_seq, m.join_seq, m.read_seq FROM `conversations` AS `c` JOIN conversation_members AS m ON m.conversation_id = c.conversation_id WHERE (m.user_id = 1) AND (m.left_seq IS NULL) AND (c.last_seq > 1) ORDER BY `c`.`last_message_at` DESC, `c`.`conversation_id`; -- Searchable
SELECT c.conversation_id, c.type, c.user_a, c.user_b, c.group_id, c.last_seq, c.last_message_at, c.created_at, c.dissolved_at, c.changed_seq, c.members_version, c.member_count, c.member_peak, c.shrunk_at, c.counted_seq, c.skipped, c.message_seq, c.stored_at, c.expired_seq, m.join_seq, m.read_seq FROM `conversations` AS `c` JOIN conversation_members AS m ON m.conversation_id = c.conversation_id WHERE (m.user_id = 1) AND (m.left_seq IS NULL) ORDER BY `c`.`last_message_at` DESC, `c`.`conversation_id`; -- Memberships
SELECT c.conversation_id, c.type, c.user_a, c.user_b, c.group_id, c.last_seq, c.last_message_at, c.created_at, c.dissolved_at, c.changed_seq, c.members_version, c.member_count, c.member_peak, c.shrunk_at, c.counted_seq, c.skipped, c.message_seq, c.stored_at, c.expired_seq, m.join_seq, m.read_seq, COALESCE(p.read_seq, 1) AS peer_read_seq, COALESCE(pd.delivered_seq, 1) AS peer_delivered_seq FROM (SELECT m.conversation_id, m.join_seq, m.read_seq FROM conversation_members AS m JOIN conversations AS c ON c.conversation_id = m.conversation_id WHERE (m.user_id = 1) AND (m.left_seq IS NULL) AND ((c.last_message_at < 1 OR (c.last_message_at = 1 AND c.conversation_id > 't'))) ORDER BY c.last_message_at DESC, c.conversation_id LIMIT 1) AS m CROSS JOIN conversations AS c LEFT JOIN conversation_members AS p ON p.conversation_id = c.conversation_id AND p.user_id = CASE WHEN c.user_a = 1 THEN c.user_b ELSE c.user_a END LEFT JOIN delivered_positions AS pd ON pd.conversation_id = c.conversation_id AND pd.user_id = CASE WHEN c.user_a = 1 THEN c.user_b ELSE c.user_a END WHERE (c.conversation_id = m.conversation_id) ORDER BY c.last_message_at DESC, c.conversation_id; -- List
SELECT c.conversation_id, c.type, c.user_a, c.user_b, c.group_id, c.last_seq, c.last_message_at, c.created_at, c.dissolved_at, c.changed_seq, c.members_version, c.member_count, c.member_peak, c.shrunk_at, c.counted_seq, c.skipped, c.message_seq, c.stored_at, c.expired_seq, m.join_seq, m.read_seq, COALESCE(p.read_seq, 1) AS peer_read_seq, COALESCE(pd.delivered_seq, 1) AS peer_delivered_seq FROM (SELECT m.conversation_id, m.join_seq, m.read_seq FROM conversation_members AS m JOIN conversations AS c ON c.conversation_id = m.conversation_id WHERE (m.user_id = 1) AND (m.left_seq IS NULL) ORDER BY c.last_message_at DESC, c.conversation_id LIMIT 1) AS m CROSS JOIN conversations AS c LEFT JOIN conversation_members AS p ON p.conversation_id = c.conversation_id AND p.user_id = CASE WHEN c.user_a = 1 THEN c.user_b ELSE c.user_a END LEFT JOIN delivered_positions AS pd ON pd.conversation_id = c.conversation_id AND pd.user_id = CASE WHEN c.user_a = 1 THEN c.user_b ELSE c.user_a END WHERE (c.conversation_id = m.conversation_id) ORDER BY c.last_message_at DESC, c.conversation_id; -- List
SELECT c.conversation_id, c.type, c.user_a, c.user_b, c.group_id, c.last_seq, c.last_message_at, c.created_at, c.dissolved_at, c.changed_seq, c.members_version, c.member_count, c.member_peak, c.shrunk_at, c.counted_seq, c.skipped, c.message_seq, c.stored_at, c.expired_seq, m.join_seq, m.read_seq, COALESCE(p.read_seq, 1) AS peer_read_seq, COALESCE(pd.delivered_seq, 1) AS peer_delivered_seq FROM `conversations` AS `c` JOIN conversation_members AS m ON m.conversation_id = c.conversation_id LEFT JOIN conversation_members AS p ON p.conversation_id = c.conversation_id AND p.user_id = CASE WHEN c.user_a = 1 THEN c.user_b ELSE c.user_a END LEFT JOIN delivered_positions AS pd ON pd.conversation_id = c.conversation_id AND pd.user_id = CASE WHEN c.user_a = 1 THEN c.user_b ELSE c.user_a END WHERE (m.user_id = 1) AND (m.left_seq IS NULL) AND (c.conversation_id = 't'); -- Conversation, MarkRead, Readers
SELECT conversation_id, block, done FROM search_backfill WHERE id = 1; -- Backfill
SELECT conversation_id, block, newest_at, oldest_at, grams FROM search_blocks FORCE INDEX (PRIMARY) WHERE (conversation_id, block) IN (('t',1)); -- Backfill, Blocks, Expire, Merge, Rebuild
SELECT conversation_id, kept_at FROM conversations FORCE INDEX (ix_conversations_kept) WHERE type = 1 AND keep_ms = 1 AND kept_at > 1 AND kept_at < 1 ORDER BY kept_at LIMIT 1; -- DueConversations
SELECT conversation_id, last_seq FROM conversations WHERE conversation_id >= 't' ORDER BY conversation_id LIMIT 1; -- Backfill
SELECT conversation_id, last_seq, changed_seq, expired_seq FROM conversations WHERE conversation_id IN ('t'); -- Tips
SELECT conversation_id, last_seq, last_message_at, stored_at FROM conversations WHERE conversation_id > 't' ORDER BY conversation_id LIMIT 1; -- ReplayHook, ScanNews
SELECT conversation_id, news_seq FROM webhook_cursors WHERE hook = 't' AND conversation_id >= 't' AND conversation_id <= 't'; -- ScanNews
SELECT conversation_id, seq, news_seq, tries, claim, replays FROM webhook_cursors WHERE hook = 't' AND due_at > 1 AND due_at <= 1 ORDER BY due_at LIMIT 1; -- TakeNews
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages FORCE INDEX (PRIMARY) WHERE (conversation_id, seq_id) IN (('t',1)); -- Save
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages WHERE (conversation_id = 't' AND seq_id > 1 AND seq_id <= 1) ORDER BY conversation_id, seq_id; -- Current, Spans
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages WHERE (sender_id, client_msg_id) IN ((1,'t')); -- BeginSingles, Save
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages WHERE conversation_id = 't' AND seq_id > 1 AND seq_id < 1 ORDER BY seq_id DESC LIMIT 1; -- Page
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages WHERE conversation_id = 't' AND seq_id > 1 AND seq_id < 1 ORDER BY seq_id LIMIT 1; -- Page
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages WHERE conversation_id = 't' AND seq_id > 1 AND seq_id <= 1; -- Backfill, Expire, Rebuild
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages WHERE conversation_id = 't' AND seq_id > 1 ORDER BY seq_id DESC LIMIT 1; -- Page
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages WHERE conversation_id = 't' AND seq_id > 1 ORDER BY seq_id LIMIT 1; -- Expire, Page
SELECT conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra FROM messages WHERE sender_id = 1 AND client_msg_id = 't'; -- ByClientID, Refuse
SELECT conversation_id, type, keep_ms, expired_seq, last_seq FROM conversations FORCE INDEX (PRIMARY) WHERE conversation_id IN ('t') ORDER BY conversation_id FOR UPDATE; -- Expire, Kept, SetRetention
SELECT conversation_id, type, keep_ms, expired_seq, last_seq FROM conversations FORCE INDEX (ix_conversations_kept) WHERE type = 1 AND keep_ms > 1 ORDER BY keep_ms, kept_at LIMIT 1; -- RetentionOverrides
SELECT conversation_id, type, keep_ms, expired_seq, last_seq FROM conversations WHERE conversation_id = 't'; -- RetentionOf
SELECT conversation_id, type, last_seq, dissolved_at, changed_seq, members_version, member_count, member_peak, shrunk_at, counted_seq, skipped, message_seq, kept_at FROM conversations FORCE INDEX (PRIMARY) WHERE conversation_id IN ('t') ORDER BY conversation_id FOR UPDATE; -- Save
SELECT conversation_id, user_id, join_seq, EXISTS (SELECT 1 FROM refused_sends) FROM conversation_members FORCE INDEX (PRIMARY) WHERE (conversation_id, user_id) IN (('t',1)) AND left_seq IS NULL; -- Save
SELECT count(*) FROM `conversation_members` WHERE (conversation_id = 't') AND (user_id = 1) AND (left_seq IS NOT NULL); -- ChangeGroup
SELECT count(*) FROM `users` AS `u` WHERE (user_id IN (1)); -- ChangeGroup, EnsureSingle, StoreGroup
SELECT created_at FROM messages WHERE conversation_id = 't' AND seq_id = 1; -- ReplayHook, TakeNews
SELECT created_at FROM messages WHERE conversation_id = 't' AND seq_id > 1 ORDER BY seq_id LIMIT 1; -- Kept
SELECT device_id, last_seen_at FROM devices WHERE user_id = 1 AND device_id <> 't' AND last_seen_at > 1 ORDER BY last_seen_at DESC, device_id; -- Devices
SELECT group_id, user_id, role FROM group_members FORCE INDEX (PRIMARY) WHERE (group_id, user_id) IN ((1,1)); -- Save
SELECT hook, begun_at FROM webhook_hooks; -- ScanNews
SELECT hook, begun_at, error, error_at, taken_at FROM webhook_hooks ORDER BY hook; -- HookStats
SELECT last_seq FROM conversations WHERE conversation_id = 't'; -- ReplayHook, TakeNews
SELECT m.conversation_id, m.user_id, c.type, c.user_a, c.user_b, c.last_seq, m.read_seq, COALESCE(d.delivered_seq, 1) FROM conversation_members m JOIN conversations c ON c.conversation_id = m.conversation_id LEFT JOIN delivered_positions d ON d.conversation_id = m.conversation_id AND d.user_id = m.user_id WHERE (m.conversation_id, m.user_id) IN (('t',1)) AND m.left_seq IS NULL AND m.conversation_id IN ('t'); -- MarkDelivered
SELECT m.conversation_id, m.user_id, m.join_seq, COALESCE(gm.role, 't') FROM conversation_members m LEFT JOIN conversations c ON c.conversation_id = m.conversation_id AND c.type = 1 LEFT JOIN group_members gm ON gm.group_id = c.group_id AND gm.user_id = m.user_id WHERE (m.conversation_id, m.user_id) IN (('t',1)) AND m.left_seq IS NULL AND m.conversation_id IN ('t'); -- Standings
SELECT m.conversation_id, m.user_id, m.sent_seq, m.sought_seq, c.last_seq FROM conversation_members m JOIN conversations c ON c.conversation_id = m.conversation_id WHERE (m.conversation_id, m.user_id) IN (('t',1)); -- Wrote
SELECT m.user_id, m.read_seq FROM conversation_members m LEFT JOIN delivered_positions d ON d.conversation_id = m.conversation_id AND d.user_id = m.user_id WHERE m.conversation_id = 't' AND m.left_seq IS NULL AND m.join_seq < 1 AND m.user_id <> 1 AND m.read_seq >= 1 AND m.user_id > 1 ORDER BY m.user_id LIMIT 1; -- Readers
SELECT message_id, sender_id, client_msg_id FROM messages WHERE message_id IN (1); -- Save
SELECT record_id FROM poison_records FORCE INDEX (ix_poison_records_at) WHERE poisoned_at < 1 AND requeued_at = 1 ORDER BY poisoned_at LIMIT 1; -- ForgetOldPoison
SELECT record_id, uuid, consumer_group, topic, reason, error, sender, conversation_id, temp_message_id, told, trace_id, poisoned_at, requeued_at, LENGTH(payload) FROM poison_records WHERE record_id > 1 AND ('t' = 't' OR reason = 't') ORDER BY record_id LIMIT 1; -- ListPoison
SELECT record_id, uuid, consumer_group, topic, reason, error, sender, conversation_id, temp_message_id, told, trace_id, poisoned_at, requeued_at, LENGTH(payload), metadata, payload FROM poison_records WHERE record_id = 1; -- PoisonRecord
SELECT record_id, uuid, consumer_group, topic, reason, error, sender, conversation_id, temp_message_id, told, trace_id, poisoned_at, requeued_at, LENGTH(payload), metadata, payload FROM poison_records WHERE requeued_at > 1 AND told <> 't' ORDER BY requeued_at, record_id LIMIT 1; -- RequeuedPoison
SELECT refused_at FROM refused_sends WHERE sender_id = 1 AND client_msg_id = 't'; -- RefusedAt
SELECT sender_id FROM messages WHERE conversation_id = 't' AND seq_id = 1; -- Readers
SELECT sender_id, client_msg_id FROM refused_sends WHERE (sender_id, client_msg_id) IN ((1,'t')); -- Save
SELECT seq FROM webhook_cursors WHERE hook = 't' AND conversation_id = 't'; -- ReplayHook
SELECT seq_id FROM messages WHERE conversation_id = 't' AND seq_id > 1 AND seq_id <= 1 AND sender_id = 1 AND message_type <> 't' ORDER BY seq_id LIMIT 1; -- Wrote
SELECT signed_out_before FROM sign_outs WHERE user_id = 1; -- SignOut, SignedOut
SELECT t.device_id, t.token_id, t.expires_at, d.device_id IS NOT NULL FROM device_tokens t LEFT JOIN devices d ON d.user_id = t.user_id AND d.device_id = t.device_id WHERE t.user_id = 1 ORDER BY t.expires_at DESC, t.device_id, t.token_id; -- See
SELECT t.token_id, t.expires_at FROM device_tokens t JOIN revoked_tokens r ON r.token_id = t.token_id WHERE t.user_id = 1 AND t.device_id = 't'; -- Forbid
SELECT token_id FROM revoked_tokens WHERE token_id IN ('t'); -- CheckTokens
SELECT token_id, expires_at FROM device_tokens WHERE user_id = 1 AND device_id = 't' ORDER BY token_id = 't' DESC, expires_at DESC, token_id LIMIT 1 OFFSET 1; -- Use
SELECT u.user_id, COALESCE(o.signed_out_before, 1) FROM users u LEFT JOIN sign_outs o ON o.user_id = u.user_id WHERE u.user_id IN (1); -- CheckTokens
SELECT user_id, MAX(last_seen_at) FROM devices WHERE user_id IN (1) AND last_seen_at > 1 GROUP BY user_id; -- LastSeen
SELECT user_id, device_id, last_seen_at, revoked_at FROM devices FORCE INDEX (PRIMARY) WHERE (user_id, device_id) IN ((1,'t')) FOR UPDATE; -- See, Use
SELECT user_id, device_id, last_seen_at, revoked_at FROM devices WHERE user_id = 1 AND device_id <> 't'; -- See, Use
SELECT user_id, device_id, last_seen_at, revoked_at FROM devices WHERE user_id = 1 AND device_id = 't'; -- Forbid, Use
SELECT user_id, device_id, revoked_at FROM devices FORCE INDEX (PRIMARY) WHERE (user_id, device_id) IN ((1,'t')); -- CheckTokens
SELECT user_id, device_id, token_id FROM device_tokens FORCE INDEX (PRIMARY) WHERE (user_id, device_id, token_id) IN ((1,'t','t')); -- CheckTokens
SELECT user_id, join_seq FROM conversation_members WHERE conversation_id = 't' AND user_id > 1 AND left_seq IS NULL ORDER BY user_id LIMIT 1; -- Recipients
UPDATE `conversation_members` SET left_seq = 1 WHERE (conversation_id = 't') AND (user_id = 1); -- ChangeGroup
UPDATE `conversation_members` SET read_seq = 1 WHERE (conversation_id = 't') AND (user_id = 1) AND (left_seq IS NULL) AND (read_seq < 1); -- MarkRead
UPDATE `conversations` AS `c` SET `dissolved_at` = 1 WHERE (`c`.`conversation_id` = 't'); -- ChangeGroup
UPDATE `conversations` AS `c` SET `last_seq` = 1, `stored_at` = 1, `members_version` = 1, `member_count` = 1, `member_peak` = 1, `shrunk_at` = 1, `counted_seq` = 1, `skipped` = 1, `message_seq` = 1 WHERE (`c`.`conversation_id` = 't'); -- ChangeGroup
UPDATE `conversations` AS `c` SET `members_version` = 1, `member_count` = 1 WHERE (`c`.`conversation_id` = 't'); -- ChangeGroup
UPDATE `group_members` SET role = 't' WHERE (group_id = 1) AND (user_id = 1); -- ChangeGroup
UPDATE `groups` AS `g` SET `dissolved_at` = 1 WHERE (`g`.`group_id` = 1); -- ChangeGroup
UPDATE `groups` AS `g` SET `member_count` = 1 WHERE (`g`.`group_id` = 1); -- ChangeGroup
UPDATE `groups` AS `g` SET `name` = 't', `announcement` = 't', `join_policy` = 't' WHERE (`g`.`group_id` = 1); -- ChangeGroup
UPDATE `groups` AS `g` SET `owner_id` = 1 WHERE (`g`.`group_id` = 1); -- ChangeGroup
UPDATE `store_epoch` AS `epoch_row` SET `epoch` = 't' WHERE (`epoch_row`.`id` = 1); -- NewEpoch
UPDATE `users` SET version = version + 1, nickname = 't' WHERE (user_id = 1); -- Update
UPDATE conversation_members SET sought_seq = 1 WHERE conversation_id = 't' AND user_id = 1 AND sought_seq < 1; -- Wrote
UPDATE conversations SET expired_seq = 1 WHERE conversation_id = 't'; -- Expire
UPDATE conversations SET keep_ms = 1 WHERE conversation_id = 't'; -- SetRetention
UPDATE conversations SET kept_at = 1 WHERE conversation_id = 't'; -- Kept, Save
UPDATE devices SET last_seen_at = 1, revoked_at = CASE WHEN revoked_at > 1 THEN revoked_at ELSE 1 END WHERE user_id = 1 AND device_id = 't' AND last_seen_at > 1; -- Forbid
UPDATE messages SET content = 't' WHERE conversation_id = 't' AND seq_id IN (1); -- Expire, Save
UPDATE messages SET content = 't', extra = 't' WHERE conversation_id = 't' AND seq_id = 1; -- Expire, Save
UPDATE messages SET content = 't', extra = 't' WHERE conversation_id = 't' AND seq_id >= 1 AND seq_id <= 1 AND extra IS NULL AND message_type <> 't'; -- Expire
UPDATE poison_records SET requeued_at = 1 WHERE told <> 't' AND topic <> 't' AND record_id IN (1); -- RequeuePoison
UPDATE search_backfill SET conversation_id = 't', block = 1, done = 1 WHERE id = 1; -- RestartBackfill
UPDATE search_backfill SET conversation_id = 't', block = 1, done = 1 WHERE id = 1 AND conversation_id = 't' AND block = 1 AND done = 1; -- Backfill
UPDATE webhook_cursors SET due_at = 1 WHERE hook = 't' AND due_at > 1 AND leased = 1; -- HurryHook
UPDATE webhook_cursors SET pending_since = CASE WHEN 1 > seq THEN 1 ELSE pending_since END, due_at = CASE WHEN news_seq > 1 THEN 1 ELSE 1 END, tries = 1, leased = 1, claim = claim + 1, seq = 1 WHERE hook = 't' AND conversation_id = 't' AND claim = 1; -- TakeNews
UPDATE webhook_cursors SET seq = 1, due_at = 1, leased = 1, claim = claim + 1 WHERE hook = 't' AND conversation_id = 't' AND claim = 1 AND news_seq = 1; -- TakeNews
UPDATE webhook_hooks SET error = 't', error_at = 1 WHERE error_at > 1 AND error_at < 1; -- ForgetHookErrors
UPDATE webhook_hooks SET error = 't', error_at = 1 WHERE hook = 't'; -- TakeNews
UPDATE webhook_hooks SET taken_at = 1 WHERE hook = 't'; -- TakeNews
