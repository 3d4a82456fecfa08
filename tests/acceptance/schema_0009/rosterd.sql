BEGIN TRANSACTION;
CREATE TABLE absent (
	directory VARCHAR NOT NULL, 
	external_id VARCHAR NOT NULL, 
	since VARCHAR NOT NULL, 
	PRIMARY KEY (directory, external_id)
)
 WITHOUT ROWID

;
CREATE TABLE action (
	run VARCHAR NOT NULL, 
	step INTEGER NOT NULL, 
	n INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	external_id VARCHAR NOT NULL, 
	email VARCHAR NOT NULL, 
	member VARCHAR NOT NULL, 
	"before" TEXT NOT NULL, 
	"after" TEXT NOT NULL, 
	evidence VARCHAR, 
	cause VARCHAR NOT NULL, 
	parks VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	code VARCHAR NOT NULL, 
	attempts INTEGER NOT NULL, 
	error TEXT, 
	PRIMARY KEY (run, step, n)
);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,1,'create','00u6s8mxcqE3C3GXIfuP','camila.macleod@acme.example','4af0f74a5278f98d5163c67632fd2a95','{}','{"department":"Support","display_name":"Camila MacLeod","email":"camila.macleod@acme.example","family_name":"MacLeod","given_name":"Camila","roles":{"role":"member"},"title":"Support Specialist","user_name":"camila.macleod@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,2,'create','00uQTYr7comqCt5RjiP7','malik.mahlangu@acme.example','ae67488a7e634c80e075929ac1c1180d','{}','{"department":"Engineering","display_name":"Malik Mahlangu","email":"malik.mahlangu@acme.example","family_name":"Mahlangu","given_name":"Malik","roles":{"role":"member"},"title":"Software Engineer","user_name":"malik.mahlangu@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',5,1,'join_team','00uQTYr7comqCt5RjiP7','malik.mahlangu@acme.example','ae67488a7e634c80e075929ac1c1180d','{}','{"team":"Engineering"}',NULL,'in a group mapped to team Engineering','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,3,'create','00uUuGTSrqW82ywTJ3Lt','elif.singh@acme.example','671220f01ea23ff48a47a64930b97a51','{}','{"department":"People","display_name":"Elif Singh","email":"elif.singh@acme.example","family_name":"Singh","given_name":"Elif","roles":{"role":"member"},"title":"People Partner","user_name":"elif.singh@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,4,'create','00ucl2kZnmd1wCfW2eoL','nadia.reyes@acme.example','dbcbaeabcd71cc3bb0fcbd1b282c05c3','{}','{"department":"Security","display_name":"Nadia Reyes","email":"nadia.reyes@acme.example","family_name":"Reyes","given_name":"Nadia","roles":{"role":"member"},"title":"Security Analyst","user_name":"nadia.reyes@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,5,'create','00ucxjuhdaUKtE6cDaml','katherine.abe@acme.example','f54b4e60c23d883809066cd6d75c51f4','{}','{"department":"Security","display_name":"Katherine Abe","email":"katherine.abe@acme.example","family_name":"Abe","given_name":"Katherine","roles":{"role":"admin"},"title":"Security Analyst","user_name":"katherine.abe@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,6,'create','00ueI8ERgMkfMNEizxdD','daniel.fernandez@acme.example','656e90939036e824713c4fc3922ece0a','{}','{"department":"Product","display_name":"Daniel Fernández","email":"daniel.fernandez@acme.example","family_name":"Fernández","given_name":"Daniel","roles":{"role":"admin"},"title":"Product Manager","user_name":"daniel.fernandez@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,7,'create','00ugxiQMxkDyKm2jLMhG','michael.khan@acme.example','64cd5e80efe0e34df3b004010b4dc572','{}','{"department":"Engineering","display_name":"Michael Khan","email":"michael.khan@acme.example","family_name":"Khan","given_name":"Michael","roles":{"role":"member"},"title":"Senior Software Engineer","user_name":"michael.khan@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',5,2,'join_team','00ugxiQMxkDyKm2jLMhG','michael.khan@acme.example','64cd5e80efe0e34df3b004010b4dc572','{}','{"team":"Engineering"}',NULL,'in a group mapped to team Engineering','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,8,'create','00ukggeoO9Swpl1p58MK','hana.reyes@acme.example','9387e2e1b03a6d28b234256028d78619','{}','{"department":"Operations","display_name":"Hana Reyes","email":"hana.reyes@acme.example","family_name":"Reyes","given_name":"Hana","roles":{"role":"member"},"title":"Office Coordinator","user_name":"hana.reyes@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,9,'create','00upUktkohkzLMQlIsMf','aiko.salah@acme.example','fd453ef80e63d3a695ed32e650519da8','{}','{"department":"Marketing","display_name":"Aiko Salah","email":"aiko.salah@acme.example","family_name":"Salah","given_name":"Aiko","roles":{"role":"member"},"title":"Brand Lead","user_name":"aiko.salah@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,10,'create','00usUgVeViIPfpLYybcU','ifeoma.olsen@acme.example','264691929fb6a48879d0281a035a6229','{}','{"department":"Sales","display_name":"Ifeoma Olsen","email":"ifeoma.olsen@acme.example","family_name":"Olsen","given_name":"Ifeoma","roles":{"role":"member"},"title":"Sales Development Representative","user_name":"ifeoma.olsen@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,11,'create','00utQlHwazsqdH8tBdio','noor.hughes@acme.example','74a92afb9c637299882c8a7b715f740b','{}','{"department":"Design","display_name":"Noor Hughes","email":"noor.hughes@acme.example","family_name":"Hughes","given_name":"Noor","roles":{"role":"member"},"title":"Product Designer","user_name":"noor.hughes@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',1,12,'create','00uzsg49wV7AQUWmuWZ9','anika.popescu@acme.example','1295361099d4fe943dff07e5b700177d','{}','{"department":"Engineering","display_name":"Anika Popescu","email":"anika.popescu@acme.example","family_name":"Popescu","given_name":"Anika","roles":{"role":"member"},"title":"Software Engineer","user_name":"anika.popescu@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110825-1817e4',5,3,'join_team','00uzsg49wV7AQUWmuWZ9','anika.popescu@acme.example','1295361099d4fe943dff07e5b700177d','{}','{"team":"Engineering"}',NULL,'in a group mapped to team Engineering','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110829-565af5',1,1,'create','1be86a31-e4c3-4893-86dc-b67073d1c46a','p1@acme.example','fff88f75c35c61a7599c3e91337b16cb','{}','{"email":"p1@acme.example","roles":{"role":"member"},"user_name":"p1@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110829-565af5',1,2,'create','66885e68-4067-4326-9d6b-670ad65e7e88','p2@acme.example','44341c04e787d866c14f098fc687e367','{}','{"email":"p2@acme.example","roles":{"role":"member"},"user_name":"p2@acme.example"}',NULL,'new in the directory','','applied','applied',1,NULL);
INSERT INTO "action" VALUES('20261128T110832-400402',8,1,'deactivate','00ueI8ERgMkfMNEizxdD','daniel.fernandez@acme.example','656e90939036e824713c4fc3922ece0a','{"active":true}','{"active":false}','status','suspended in the directory','','applied','applied',1,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE binding (
	directory VARCHAR NOT NULL, 
	ref VARCHAR NOT NULL, 
	group_id VARCHAR NOT NULL, 
	PRIMARY KEY (directory, ref)
);
INSERT INTO "binding" VALUES('okta','Engineering','00gExDtAmYbxgqRk6wPG');
INSERT INTO "binding" VALUES('okta','Rosterd Admins','00gDZ95LjsTyeYf194vA');
CREATE TABLE decision (
	run VARCHAR NOT NULL, 
	cluster VARCHAR NOT NULL, 
	workspace VARCHAR NOT NULL, 
	directory VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	verdict VARCHAR NOT NULL, 
	decided_by VARCHAR NOT NULL, 
	decided_at VARCHAR NOT NULL, 
	expires_at VARCHAR, 
	PRIMARY KEY (run, cluster)
);
CREATE TABLE directory (
	id VARCHAR NOT NULL, 
	generation INTEGER NOT NULL, 
	users_complete_at VARCHAR, 
	groups_complete_at VARCHAR, 
	complete_at VARCHAR, 
	policy_digest VARCHAR NOT NULL, 
	verified_at VARCHAR, 
	identity VARCHAR, 
	cursor TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "directory" VALUES('acme-scim',5,'2026-11-28T11:08:29.066Z','2026-11-28T11:08:29.066Z','2026-11-28T11:08:29.066Z','0dc7dcc05f9168c1dbd6ea5d0f1895252cec8459989abba2d7511365c8a83594','2026-11-28T11:08:25.830Z',NULL,NULL);
INSERT INTO "directory" VALUES('okta',2,'2026-11-28T11:08:32.248Z','2026-11-28T11:08:32.248Z','2026-11-28T11:08:32.248Z','0805138987e3492c564e74e4e6fa50757273320605fea1fe21b09d0eb3a8f7aa','2026-11-28T11:08:28.206Z','e7f9df7c10db8f75','{"digest":"10600adb8fea3f388bc4a72f17d76f4e","marks":{"since":"2026-11-28T11:08:32.000Z"},"read":["00gDZ95LjsTyeYf194vA","00gExDtAmYbxgqRk6wPG"],"again":[],"gone":[]}');
CREATE TABLE directory_total (
	directory VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (directory)
);
INSERT INTO "directory_total" VALUES('acme-scim','{"runs":{"succeeded":2},"actions":{"create":{"applied":2}},"throttled_seconds":0.0,"leavers":{"counts":[0,0,0,0,0,0,0,0,0,0,0],"seconds":0.0},"workspace":"acme","last":"20261128T110829-565af5","last_state":"succeeded"}');
INSERT INTO "directory_total" VALUES('okta','{"runs":{"succeeded":2},"actions":{"create":{"applied":12},"join_team":{"applied":3},"deactivate":{"applied":1}},"requests":6,"throttled_seconds":0.0,"leavers":{"counts":[1,0,0,0,0,0,0,0,0,0,0],"seconds":0.139},"workspace":"acme","last":"20261128T110832-400402","last_state":"succeeded"}');
CREATE TABLE due (
	directory VARCHAR NOT NULL, 
	at VARCHAR NOT NULL, 
	basis VARCHAR NOT NULL, 
	PRIMARY KEY (directory)
);
INSERT INTO "due" VALUES('okta','2026-11-28T11:23:25.489Z','every 900');
INSERT INTO "due" VALUES('acme-scim','2026-11-29T11:08:25.454Z','every 86400');
CREATE TABLE health (
	directory VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	failures INTEGER NOT NULL, 
	since VARCHAR, 
	until VARCHAR, 
	code VARCHAR NOT NULL, 
	message TEXT NOT NULL, 
	clean_at VARCHAR, 
	PRIMARY KEY (directory)
);
INSERT INTO "health" VALUES('acme-scim','healthy',0,NULL,NULL,'','','2026-11-28T11:08:29.149Z');
INSERT INTO "health" VALUES('okta','healthy',0,NULL,NULL,'','','2026-11-28T11:08:32.387Z');
CREATE TABLE lease (
	workspace VARCHAR NOT NULL, 
	token INTEGER NOT NULL, 
	run VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	expires_at VARCHAR NOT NULL, 
	PRIMARY KEY (workspace)
);
INSERT INTO "lease" VALUES('acme',4,'','old-host/0',3410,'');
CREATE TABLE mapping (
	directory VARCHAR NOT NULL, 
	ref VARCHAR NOT NULL, 
	team VARCHAR NOT NULL, 
	on_remove VARCHAR, 
	retired_at VARCHAR, 
	PRIMARY KEY (directory, ref, team)
);
INSERT INTO "mapping" VALUES('okta','Engineering','Engineering',NULL,NULL);
CREATE TABLE member (
	no INTEGER NOT NULL, 
	id VARCHAR NOT NULL, 
	workspace VARCHAR NOT NULL, 
	email VARCHAR NOT NULL, 
	email_key VARCHAR, 
	name_key VARCHAR NOT NULL, 
	user_name VARCHAR NOT NULL, 
	given_name VARCHAR NOT NULL, 
	family_name VARCHAR NOT NULL, 
	display_name VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	department VARCHAR NOT NULL, 
	manager VARCHAR NOT NULL, 
	active BOOLEAN NOT NULL, 
	managed BOOLEAN NOT NULL, 
	directory VARCHAR, 
	external_id VARCHAR, 
	sessions_valid_after VARCHAR, 
	created_at VARCHAR NOT NULL, 
	updated_at VARCHAR NOT NULL, attributes TEXT, 
	PRIMARY KEY (no)
);
INSERT INTO "member" VALUES(1,'4af0f74a5278f98d5163c67632fd2a95','acme','camila.macleod@acme.example','camila.macleod@acme.example','camila.macleod@acme.example','camila.macleod@acme.example','Camila','MacLeod','Camila MacLeod','Support Specialist','Support','',1,1,'okta','00u6s8mxcqE3C3GXIfuP',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(2,'ae67488a7e634c80e075929ac1c1180d','acme','malik.mahlangu@acme.example','malik.mahlangu@acme.example','malik.mahlangu@acme.example','malik.mahlangu@acme.example','Malik','Mahlangu','Malik Mahlangu','Software Engineer','Engineering','',1,1,'okta','00uQTYr7comqCt5RjiP7',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(3,'671220f01ea23ff48a47a64930b97a51','acme','elif.singh@acme.example','elif.singh@acme.example','elif.singh@acme.example','elif.singh@acme.example','Elif','Singh','Elif Singh','People Partner','People','',1,1,'okta','00uUuGTSrqW82ywTJ3Lt',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(4,'dbcbaeabcd71cc3bb0fcbd1b282c05c3','acme','nadia.reyes@acme.example','nadia.reyes@acme.example','nadia.reyes@acme.example','nadia.reyes@acme.example','Nadia','Reyes','Nadia Reyes','Security Analyst','Security','',1,1,'okta','00ucl2kZnmd1wCfW2eoL',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(5,'f54b4e60c23d883809066cd6d75c51f4','acme','katherine.abe@acme.example','katherine.abe@acme.example','katherine.abe@acme.example','katherine.abe@acme.example','Katherine','Abe','Katherine Abe','Security Analyst','Security','',1,1,'okta','00ucxjuhdaUKtE6cDaml',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(6,'656e90939036e824713c4fc3922ece0a','acme','daniel.fernandez@acme.example','daniel.fernandez@acme.example','daniel.fernandez@acme.example','daniel.fernandez@acme.example','Daniel','Fernández','Daniel Fernández','Product Manager','Product','',0,1,'okta','00ueI8ERgMkfMNEizxdD','2026-11-28T11:08:32.331Z','2026-11-28T11:08:28.217Z','2026-11-28T11:08:32.331Z',NULL);
INSERT INTO "member" VALUES(7,'64cd5e80efe0e34df3b004010b4dc572','acme','michael.khan@acme.example','michael.khan@acme.example','michael.khan@acme.example','michael.khan@acme.example','Michael','Khan','Michael Khan','Senior Software Engineer','Engineering','',1,1,'okta','00ugxiQMxkDyKm2jLMhG',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(8,'9387e2e1b03a6d28b234256028d78619','acme','hana.reyes@acme.example','hana.reyes@acme.example','hana.reyes@acme.example','hana.reyes@acme.example','Hana','Reyes','Hana Reyes','Office Coordinator','Operations','',1,1,'okta','00ukggeoO9Swpl1p58MK',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(9,'fd453ef80e63d3a695ed32e650519da8','acme','aiko.salah@acme.example','aiko.salah@acme.example','aiko.salah@acme.example','aiko.salah@acme.example','Aiko','Salah','Aiko Salah','Brand Lead','Marketing','',1,1,'okta','00upUktkohkzLMQlIsMf',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(10,'264691929fb6a48879d0281a035a6229','acme','ifeoma.olsen@acme.example','ifeoma.olsen@acme.example','ifeoma.olsen@acme.example','ifeoma.olsen@acme.example','Ifeoma','Olsen','Ifeoma Olsen','Sales Development Representative','Sales','',1,1,'okta','00usUgVeViIPfpLYybcU',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(11,'74a92afb9c637299882c8a7b715f740b','acme','noor.hughes@acme.example','noor.hughes@acme.example','noor.hughes@acme.example','noor.hughes@acme.example','Noor','Hughes','Noor Hughes','Product Designer','Design','',1,1,'okta','00utQlHwazsqdH8tBdio',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(12,'1295361099d4fe943dff07e5b700177d','acme','anika.popescu@acme.example','anika.popescu@acme.example','anika.popescu@acme.example','anika.popescu@acme.example','Anika','Popescu','Anika Popescu','Software Engineer','Engineering','',1,1,'okta','00uzsg49wV7AQUWmuWZ9',NULL,'2026-11-28T11:08:28.217Z','2026-11-28T11:08:28.217Z',NULL);
INSERT INTO "member" VALUES(13,'fff88f75c35c61a7599c3e91337b16cb','acme','p1@acme.example','p1@acme.example','p1@acme.example','p1@acme.example','','','','','','',1,1,'acme-scim','1be86a31-e4c3-4893-86dc-b67073d1c46a',NULL,'2026-11-28T11:08:29.109Z','2026-11-28T11:08:29.109Z',NULL);
INSERT INTO "member" VALUES(14,'44341c04e787d866c14f098fc687e367','acme','p2@acme.example','p2@acme.example','p2@acme.example','p2@acme.example','','','','','','',1,1,'acme-scim','66885e68-4067-4326-9d6b-670ad65e7e88',NULL,'2026-11-28T11:08:29.109Z','2026-11-28T11:08:29.109Z',NULL);
CREATE TABLE member_role (
	member_no INTEGER NOT NULL, 
	axis VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (member_no, axis)
)
 WITHOUT ROWID

;
INSERT INTO "member_role" VALUES(5,'role','admin');
INSERT INTO "member_role" VALUES(6,'role','admin');
INSERT INTO "member_role" VALUES(1,'role','member');
INSERT INTO "member_role" VALUES(2,'role','member');
INSERT INTO "member_role" VALUES(3,'role','member');
INSERT INTO "member_role" VALUES(4,'role','member');
INSERT INTO "member_role" VALUES(7,'role','member');
INSERT INTO "member_role" VALUES(8,'role','member');
INSERT INTO "member_role" VALUES(9,'role','member');
INSERT INTO "member_role" VALUES(10,'role','member');
INSERT INTO "member_role" VALUES(11,'role','member');
INSERT INTO "member_role" VALUES(12,'role','member');
INSERT INTO "member_role" VALUES(13,'role','member');
INSERT INTO "member_role" VALUES(14,'role','member');
CREATE TABLE mirror_edge (
	directory VARCHAR NOT NULL, 
	nested BOOLEAN NOT NULL, 
	member_id VARCHAR NOT NULL, 
	group_id VARCHAR NOT NULL, 
	PRIMARY KEY (directory, nested, member_id, group_id)
)
 WITHOUT ROWID

;
INSERT INTO "mirror_edge" VALUES('acme-scim',0,'1be86a31-e4c3-4893-86dc-b67073d1c46a','d78b0b45-e964-4605-a1c4-5062fe498831');
INSERT INTO "mirror_edge" VALUES('acme-scim',0,'66885e68-4067-4326-9d6b-670ad65e7e88','d78b0b45-e964-4605-a1c4-5062fe498831');
INSERT INTO "mirror_edge" VALUES('okta',0,'00uQTYr7comqCt5RjiP7','00gExDtAmYbxgqRk6wPG');
INSERT INTO "mirror_edge" VALUES('okta',0,'00ucxjuhdaUKtE6cDaml','00gDZ95LjsTyeYf194vA');
INSERT INTO "mirror_edge" VALUES('okta',0,'00ueI8ERgMkfMNEizxdD','00gDZ95LjsTyeYf194vA');
INSERT INTO "mirror_edge" VALUES('okta',0,'00ugxiQMxkDyKm2jLMhG','00gExDtAmYbxgqRk6wPG');
INSERT INTO "mirror_edge" VALUES('okta',0,'00uzsg49wV7AQUWmuWZ9','00gExDtAmYbxgqRk6wPG');
CREATE TABLE mirror_edge_was (
	directory VARCHAR NOT NULL, 
	nested BOOLEAN NOT NULL, 
	member_id VARCHAR NOT NULL, 
	generation INTEGER NOT NULL, 
	group_id VARCHAR NOT NULL, 
	came BOOLEAN NOT NULL, 
	PRIMARY KEY (directory, nested, member_id, generation, group_id)
)
 WITHOUT ROWID

;
INSERT INTO "mirror_edge_was" VALUES('acme-scim',0,'1be86a31-e4c3-4893-86dc-b67073d1c46a',4,'d78b0b45-e964-4605-a1c4-5062fe498831',1);
INSERT INTO "mirror_edge_was" VALUES('acme-scim',0,'66885e68-4067-4326-9d6b-670ad65e7e88',4,'d78b0b45-e964-4605-a1c4-5062fe498831',1);
CREATE TABLE mirror_group (
	directory VARCHAR NOT NULL, 
	external_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	email VARCHAR NOT NULL, 
	gone BOOLEAN NOT NULL, 
	members_complete_at VARCHAR, 
	members_digest VARCHAR, 
	PRIMARY KEY (directory, external_id)
)
 WITHOUT ROWID

;
INSERT INTO "mirror_group" VALUES('acme-scim','d78b0b45-e964-4605-a1c4-5062fe498831','Ops','',0,'2026-11-28T11:08:29.005Z',NULL);
INSERT INTO "mirror_group" VALUES('okta','00g4Y8mLS4opgvrUiNtO','Sales','',0,NULL,NULL);
INSERT INTO "mirror_group" VALUES('okta','00gDZ95LjsTyeYf194vA','Rosterd Admins','',0,'2026-11-28T11:08:28.158Z','3dd8e6004c5bdb8150d9a5c7dcc0230e');
INSERT INTO "mirror_group" VALUES('okta','00gExDtAmYbxgqRk6wPG','Engineering','',0,'2026-11-28T11:08:28.158Z','6e79a7d5abb6fef71bf22515fc36b653');
INSERT INTO "mirror_group" VALUES('okta','00gwDFDcfdjjbzwHoGgz','Design','',0,NULL,NULL);
CREATE TABLE mirror_group_was (
	directory VARCHAR NOT NULL, 
	external_id VARCHAR NOT NULL, 
	generation INTEGER NOT NULL, 
	name VARCHAR, 
	email VARCHAR, 
	gone BOOLEAN, 
	PRIMARY KEY (directory, external_id, generation)
)
 WITHOUT ROWID

;
INSERT INTO "mirror_group_was" VALUES('acme-scim','d78b0b45-e964-4605-a1c4-5062fe498831',4,NULL,NULL,NULL);
CREATE TABLE mirror_user (
	directory VARCHAR NOT NULL, 
	external_id VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	evidence VARCHAR, 
	match_key VARCHAR NOT NULL, 
	scoped BOOLEAN, 
	changed_at VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (directory, external_id)
);
INSERT INTO "mirror_user" VALUES('okta','00ueI8ERgMkfMNEizxdD','suspended',NULL,'daniel.fernandez@acme.example',1,'2026-11-28T11:08:32.248Z','["00ueI8ERgMkfMNEizxdD","suspended","daniel.fernandez@acme.example","daniel.fernandez@acme.example","Daniel","Fernández","","Product Manager","Product","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00ucxjuhdaUKtE6cDaml','active',NULL,'katherine.abe@acme.example',1,'2026-11-28T11:08:28.158Z','["00ucxjuhdaUKtE6cDaml","active","katherine.abe@acme.example","katherine.abe@acme.example","Katherine","Abe","","Security Analyst","Security","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00ugxiQMxkDyKm2jLMhG','active',NULL,'michael.khan@acme.example',1,'2026-11-28T11:08:28.158Z','["00ugxiQMxkDyKm2jLMhG","active","michael.khan@acme.example","michael.khan@acme.example","Michael","Khan","","Senior Software Engineer","Engineering","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00usUgVeViIPfpLYybcU','active',NULL,'ifeoma.olsen@acme.example',1,'2026-11-28T11:08:28.158Z','["00usUgVeViIPfpLYybcU","active","ifeoma.olsen@acme.example","ifeoma.olsen@acme.example","Ifeoma","Olsen","","Sales Development Representative","Sales","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00uUuGTSrqW82ywTJ3Lt','active',NULL,'elif.singh@acme.example',1,'2026-11-28T11:08:28.158Z','["00uUuGTSrqW82ywTJ3Lt","active","elif.singh@acme.example","elif.singh@acme.example","Elif","Singh","","People Partner","People","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00u6s8mxcqE3C3GXIfuP','active',NULL,'camila.macleod@acme.example',1,'2026-11-28T11:08:28.158Z','["00u6s8mxcqE3C3GXIfuP","active","camila.macleod@acme.example","camila.macleod@acme.example","Camila","MacLeod","","Support Specialist","Support","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00uzsg49wV7AQUWmuWZ9','active',NULL,'anika.popescu@acme.example',1,'2026-11-28T11:08:28.158Z','["00uzsg49wV7AQUWmuWZ9","active","anika.popescu@acme.example","anika.popescu@acme.example","Anika","Popescu","","Software Engineer","Engineering","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00uQTYr7comqCt5RjiP7','active',NULL,'malik.mahlangu@acme.example',1,'2026-11-28T11:08:28.158Z','["00uQTYr7comqCt5RjiP7","active","malik.mahlangu@acme.example","malik.mahlangu@acme.example","Malik","Mahlangu","","Software Engineer","Engineering","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00utQlHwazsqdH8tBdio','active',NULL,'noor.hughes@acme.example',1,'2026-11-28T11:08:28.158Z','["00utQlHwazsqdH8tBdio","active","noor.hughes@acme.example","noor.hughes@acme.example","Noor","Hughes","","Product Designer","Design","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00ukggeoO9Swpl1p58MK','active',NULL,'hana.reyes@acme.example',1,'2026-11-28T11:08:28.158Z','["00ukggeoO9Swpl1p58MK","active","hana.reyes@acme.example","hana.reyes@acme.example","Hana","Reyes","","Office Coordinator","Operations","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00ucl2kZnmd1wCfW2eoL','active',NULL,'nadia.reyes@acme.example',1,'2026-11-28T11:08:28.158Z','["00ucl2kZnmd1wCfW2eoL","active","nadia.reyes@acme.example","nadia.reyes@acme.example","Nadia","Reyes","","Security Analyst","Security","",false,{}]');
INSERT INTO "mirror_user" VALUES('okta','00upUktkohkzLMQlIsMf','active',NULL,'aiko.salah@acme.example',1,'2026-11-28T11:08:28.158Z','["00upUktkohkzLMQlIsMf","active","aiko.salah@acme.example","aiko.salah@acme.example","Aiko","Salah","","Brand Lead","Marketing","",false,{}]');
INSERT INTO "mirror_user" VALUES('acme-scim','1be86a31-e4c3-4893-86dc-b67073d1c46a','active',NULL,'p1@acme.example',1,'2026-11-28T11:08:28.996Z','["1be86a31-e4c3-4893-86dc-b67073d1c46a","active","p1@acme.example","p1@acme.example","","","","","","",false,{}]');
INSERT INTO "mirror_user" VALUES('acme-scim','66885e68-4067-4326-9d6b-670ad65e7e88','active',NULL,'p2@acme.example',1,'2026-11-28T11:08:29.002Z','["66885e68-4067-4326-9d6b-670ad65e7e88","active","p2@acme.example","p2@acme.example","","","","","","",false,{}]');
CREATE TABLE mirror_user_was (
	directory VARCHAR NOT NULL, 
	external_id VARCHAR NOT NULL, 
	generation INTEGER NOT NULL, 
	state VARCHAR, 
	evidence VARCHAR, 
	body TEXT, 
	PRIMARY KEY (directory, external_id, generation)
)
 WITHOUT ROWID

;
INSERT INTO "mirror_user_was" VALUES('acme-scim','1be86a31-e4c3-4893-86dc-b67073d1c46a',2,NULL,NULL,NULL);
INSERT INTO "mirror_user_was" VALUES('acme-scim','66885e68-4067-4326-9d6b-670ad65e7e88',3,NULL,NULL,NULL);
INSERT INTO "mirror_user_was" VALUES('okta','00ueI8ERgMkfMNEizxdD',2,'active',NULL,'["00ueI8ERgMkfMNEizxdD","active","daniel.fernandez@acme.example","daniel.fernandez@acme.example","Daniel","Fernández","","Product Manager","Product","",false,{}]');
CREATE TABLE notice (
	target VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	directory VARCHAR NOT NULL, 
	workspace VARCHAR NOT NULL, 
	sentence TEXT NOT NULL, 
	command TEXT NOT NULL, 
	at VARCHAR NOT NULL, 
	not_before VARCHAR NOT NULL, 
	tries INTEGER NOT NULL, 
	sent_at VARCHAR, 
	PRIMARY KEY (target, "key")
);
CREATE TABLE pending (
	directory VARCHAR NOT NULL, 
	external_id VARCHAR NOT NULL, 
	mark INTEGER NOT NULL, 
	PRIMARY KEY (directory, external_id)
)
 WITHOUT ROWID

;
CREATE TABLE policy (
	digest VARCHAR NOT NULL, 
	directory VARCHAR NOT NULL, 
	used_at VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (digest, directory)
);
INSERT INTO "policy" VALUES('0dc7dcc05f9168c1dbd6ea5d0f1895252cec8459989abba2d7511365c8a83594','acme-scim','2026-11-28T11:08:29.064Z','{"workspace":"acme","directory":"acme-scim","scope":{"domains":[]},"axes":[{"axis":"role","values":["member","admin"],"default":"member","protect_last":"admin","disabled":[]}],"protected":[],"limits":{"deactivate":{"count":500,"percent":10.0,"floor":5},"deactivate_24h":{"percent":25.0,"floor":20},"deactivate_7d":{"percent":40.0,"floor":40},"deactivate_absence":{"count":50,"percent":5.0,"floor":5},"deactivate_scope":{"count":500,"percent":10.0,"floor":5},"deactivate_status":{"count":1000,"percent":20.0,"floor":5},"deactivate_tombstone":{"count":1000,"percent":20.0,"floor":5},"demote":{"percent":25.0,"floor":3},"demote_24h":{"percent":40.0,"floor":20},"demote_each":{"percent":50.0,"floor":2},"leave_team":{"percent":25.0,"floor":20},"leave_team_24h":{"percent":50.0,"floor":100},"leave_team_each":{"percent":50.0,"floor":10},"promote":{"percent":25.0,"floor":5},"promote_24h":{"percent":40.0,"floor":20},"update":{"percent":50.0,"floor":50}},"flap":{"times":4,"runs":50}}');
INSERT INTO "policy" VALUES('0805138987e3492c564e74e4e6fa50757273320605fea1fe21b09d0eb3a8f7aa','okta','2026-11-28T11:08:32.223Z','{"workspace":"acme","directory":"okta","scope":{"domains":[]},"axes":[{"axis":"role","values":["member","admin"],"default":"member","protect_last":"admin","disabled":[]}],"sources":[{"axis":"role","groups":[["Rosterd Admins","admin"]]}],"teams":[{"group":"Engineering","team":"Engineering"},{"group":"Product","team":"Product"}],"protected":[],"limits":{"deactivate":{"count":500,"percent":10.0,"floor":5},"deactivate_24h":{"percent":25.0,"floor":20},"deactivate_7d":{"percent":40.0,"floor":40},"deactivate_absence":{"count":50,"percent":5.0,"floor":5},"deactivate_scope":{"count":500,"percent":10.0,"floor":5},"deactivate_status":{"count":1000,"percent":20.0,"floor":5},"deactivate_tombstone":{"count":1000,"percent":20.0,"floor":5},"demote":{"percent":25.0,"floor":3},"demote_24h":{"percent":40.0,"floor":20},"demote_each":{"percent":50.0,"floor":2},"leave_team":{"percent":25.0,"floor":20},"leave_team_24h":{"percent":50.0,"floor":100},"leave_team_each":{"percent":50.0,"floor":10},"promote":{"percent":25.0,"floor":5},"promote_24h":{"percent":40.0,"floor":20},"update":{"percent":50.0,"floor":50}},"flap":{"times":4,"runs":50}}');
CREATE TABLE refusal (
	directory VARCHAR NOT NULL, 
	external_id VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	code VARCHAR NOT NULL, 
	run VARCHAR NOT NULL, 
	at VARCHAR NOT NULL, 
	PRIMARY KEY (directory, external_id, digest)
)
 WITHOUT ROWID

;
CREATE TABLE run (
	id VARCHAR NOT NULL, 
	workspace VARCHAR NOT NULL, 
	directory VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	began VARCHAR NOT NULL, 
	ended VARCHAR, 
	report TEXT NOT NULL, generation INTEGER, policy VARCHAR, managed INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "run" VALUES('20261128T110825-7aa33d','acme','acme-scim','succeeded','2026-11-28T11:08:25.722Z','2026-11-28T11:08:25.834Z','{"run":"20261128T110825-7aa33d","workspace":"acme","directory":"acme-scim","trigger":"push","mode":"full","state":"succeeded","began":"2026-11-28T11:08:25.722Z","ended":"2026-11-28T11:08:25.834Z","phases":{"pull":0.0586,"plan":0.0161,"guard":0.0006,"apply":0.0012},"complete":{"users":true,"groups":true,"memberships":true,"incomplete_groups":[],"reasons":[]},"counts":{"seen":0,"in_scope":0,"unchanged":0,"create":0,"adopt":0,"update":0,"deactivate":0,"reactivate":0,"set_role":0,"join_team":0,"leave_team":0,"held":0,"failed":0,"skipped":0},"transport":{"requests":0,"retries":0,"throttled_seconds":0.0},"digest":"sha256:30562b71664753c91ae6d0912df193994227b3347bb4c5812856470028d97bff","causes":[],"warnings":[],"planned_only":false,"managed":0,"of":"","health":{"state":"healthy","failures":0,"since":null,"until":null,"code":"","message":"","last_complete":"2026-11-28T11:08:25.834Z"},"error":null,"audit":null}',1,'0dc7dcc05f9168c1dbd6ea5d0f1895252cec8459989abba2d7511365c8a83594',0);
INSERT INTO "run" VALUES('20261128T110825-1817e4','acme','okta','succeeded','2026-11-28T11:08:28.071Z','2026-11-28T11:08:28.278Z','{"run":"20261128T110825-1817e4","workspace":"acme","directory":"okta","trigger":"schedule","mode":"full","state":"succeeded","began":"2026-11-28T11:08:28.071Z","ended":"2026-11-28T11:08:28.278Z","phases":{"pull":0.0824,"plan":0.0482,"guard":0.0006,"apply":0.0367,"recheck":0.0237},"complete":{"users":true,"groups":true,"memberships":true,"incomplete_groups":[],"reasons":[]},"counts":{"seen":12,"in_scope":12,"unchanged":0,"create":12,"adopt":0,"update":0,"deactivate":0,"reactivate":0,"set_role":0,"join_team":3,"leave_team":0,"held":0,"failed":0,"skipped":0},"transport":{"requests":4,"retries":0,"throttled_seconds":0.0},"digest":"sha256:4e595a3a79833e2026fae8724ad200616b22f25ba8f8b57cf2e9112a4aa3e101","causes":[{"cause":"new in the directory","kind":"create","count":12,"held":false,"sentence":"","cluster":"create-f6021528","evidence":null,"limit":"","digest":""},{"cause":"in a group mapped to team Engineering","kind":"join_team","count":3,"held":false,"sentence":"","cluster":"join_team-6500925f","evidence":null,"limit":"","digest":""}],"warnings":["the directory lists no group \"Product\"; correct the name in the configuration or create the group"],"planned_only":false,"managed":0,"of":"","health":{"state":"healthy","failures":0,"since":null,"until":null,"code":"","message":"","last_complete":"2026-11-28T11:08:28.278Z"},"error":null,"audit":null}',1,'0805138987e3492c564e74e4e6fa50757273320605fea1fe21b09d0eb3a8f7aa',0);
INSERT INTO "run" VALUES('20261128T110829-565af5','acme','acme-scim','succeeded','2026-11-28T11:08:29.064Z','2026-11-28T11:08:29.149Z','{"run":"20261128T110829-565af5","workspace":"acme","directory":"acme-scim","trigger":"push","mode":"incremental","state":"succeeded","began":"2026-11-28T11:08:29.064Z","ended":"2026-11-28T11:08:29.149Z","phases":{"pull":0.002,"plan":0.0408,"guard":0.0006,"apply":0.0171,"recheck":0.0232},"complete":{"users":true,"groups":true,"memberships":true,"incomplete_groups":[],"reasons":[]},"counts":{"seen":2,"in_scope":2,"unchanged":0,"create":2,"adopt":0,"update":0,"deactivate":0,"reactivate":0,"set_role":0,"join_team":0,"leave_team":0,"held":0,"failed":0,"skipped":0},"transport":{"requests":0,"retries":0,"throttled_seconds":0.0},"digest":"sha256:f49f366d245d4d050e52edbb722d0509d56f25067ab1f86ab8d7c98d031cace4","causes":[{"cause":"new in the directory","kind":"create","count":2,"held":false,"sentence":"","cluster":"create-f6021528","evidence":null,"limit":"","digest":""}],"warnings":[],"planned_only":false,"managed":12,"of":"","health":{"state":"healthy","failures":0,"since":null,"until":null,"code":"","message":"","last_complete":"2026-11-28T11:08:29.149Z"},"error":null,"audit":null}',5,'0dc7dcc05f9168c1dbd6ea5d0f1895252cec8459989abba2d7511365c8a83594',12);
INSERT INTO "run" VALUES('20261128T110832-400402','acme','okta','succeeded','2026-11-28T11:08:32.223Z','2026-11-28T11:08:32.387Z','{"run":"20261128T110832-400402","workspace":"acme","directory":"okta","trigger":"manual","mode":"incremental","state":"succeeded","began":"2026-11-28T11:08:32.223Z","ended":"2026-11-28T11:08:32.387Z","phases":{"pull":0.0475,"plan":0.057,"guard":0.0007,"apply":0.0338,"recheck":0.0113},"complete":{"users":true,"groups":true,"memberships":true,"incomplete_groups":[],"reasons":[]},"counts":{"seen":12,"in_scope":12,"unchanged":11,"create":0,"adopt":0,"update":0,"deactivate":1,"reactivate":0,"set_role":0,"join_team":0,"leave_team":0,"held":0,"failed":0,"skipped":0},"transport":{"requests":2,"retries":0,"throttled_seconds":0.0},"digest":"sha256:946f12b4aafcc18fb752eb03b2c1cd0071b241505efd5ef8af7c8aedc9d3afe5","causes":[{"cause":"suspended in the directory","kind":"deactivate","count":1,"held":false,"sentence":"","cluster":"deactivate-88c87918","evidence":"status","limit":"","digest":""}],"warnings":["the directory lists no group \"Product\"; correct the name in the configuration or create the group"],"planned_only":false,"managed":14,"of":"","health":{"state":"healthy","failures":0,"since":null,"until":null,"code":"","message":"","last_complete":"2026-11-28T11:08:32.387Z"},"error":null,"audit":null}',2,'0805138987e3492c564e74e4e6fa50757273320605fea1fe21b09d0eb3a8f7aa',14);
CREATE TABLE run_tally (
	run VARCHAR NOT NULL, 
	step INTEGER NOT NULL, 
	evidence VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	workspace VARCHAR NOT NULL, 
	directory VARCHAR NOT NULL, 
	ended VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	PRIMARY KEY (run, step, evidence, state)
);
INSERT INTO "run_tally" VALUES('20261128T110825-1817e4',1,'','applied','acme','okta','2026-11-28T11:08:28.278Z',12);
INSERT INTO "run_tally" VALUES('20261128T110825-1817e4',5,'','applied','acme','okta','2026-11-28T11:08:28.278Z',3);
INSERT INTO "run_tally" VALUES('20261128T110829-565af5',1,'','applied','acme','acme-scim','2026-11-28T11:08:29.149Z',2);
INSERT INTO "run_tally" VALUES('20261128T110832-400402',8,'status','applied','acme','okta','2026-11-28T11:08:32.387Z',1);
CREATE TABLE scim_email (
	resource_no INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	directory VARCHAR NOT NULL, 
	value VARCHAR, 
	type VARCHAR, 
	main BOOLEAN, 
	PRIMARY KEY (resource_no, place)
)
 WITHOUT ROWID

;
INSERT INTO "scim_email" VALUES(1,0,'acme-scim','p1@acme.example',NULL,1);
INSERT INTO "scim_email" VALUES(2,0,'acme-scim','p2@acme.example',NULL,1);
CREATE TABLE scim_leniency (
	directory VARCHAR NOT NULL, 
	code VARCHAR NOT NULL, 
	count INTEGER NOT NULL, 
	first VARCHAR NOT NULL, 
	last VARCHAR NOT NULL, 
	PRIMARY KEY (directory, code)
);
CREATE TABLE scim_member (
	group_no INTEGER NOT NULL, 
	joined INTEGER NOT NULL, 
	member_no INTEGER NOT NULL, 
	PRIMARY KEY (group_no, joined)
)
 WITHOUT ROWID

;
INSERT INTO "scim_member" VALUES(3,1,1);
INSERT INTO "scim_member" VALUES(3,2,2);
CREATE TABLE scim_resource (
	no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	directory VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	user_name_key VARCHAR, 
	user_name VARCHAR, 
	display_key VARCHAR, 
	display VARCHAR, 
	external_id VARCHAR, 
	active BOOLEAN, 
	version INTEGER NOT NULL, 
	created VARCHAR NOT NULL, 
	modified VARCHAR NOT NULL, 
	body TEXT NOT NULL
);
INSERT INTO "scim_resource" VALUES(1,'acme-scim','User','1be86a31-e4c3-4893-86dc-b67073d1c46a','p1@acme.example','p1@acme.example',NULL,NULL,NULL,1,1,'2026-11-28T11:08:28.996Z','2026-11-28T11:08:28.996Z','{"userName":"p1@acme.example","emails":[{"value":"p1@acme.example","primary":true}],"active":true}');
INSERT INTO "scim_resource" VALUES(2,'acme-scim','User','66885e68-4067-4326-9d6b-670ad65e7e88','p2@acme.example','p2@acme.example',NULL,NULL,NULL,1,1,'2026-11-28T11:08:29.001Z','2026-11-28T11:08:29.001Z','{"userName":"p2@acme.example","emails":[{"value":"p2@acme.example","primary":true}],"active":true}');
INSERT INTO "scim_resource" VALUES(3,'acme-scim','Group','d78b0b45-e964-4605-a1c4-5062fe498831',NULL,NULL,'ops','ops',NULL,NULL,1,'2026-11-28T11:08:29.005Z','2026-11-28T11:08:29.005Z','{"displayName":"Ops"}');
CREATE TABLE scim_state (
	directory VARCHAR NOT NULL, 
	basis VARCHAR NOT NULL, 
	last_request VARCHAR, 
	PRIMARY KEY (directory)
);
INSERT INTO "scim_state" VALUES('acme-scim','48d7d0b7bbaeeb2cd7e31747518bca2a','2026-11-28T11:08:29.008Z');
CREATE TABLE team (
	id INTEGER NOT NULL, 
	workspace VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "team" VALUES(1,'acme','Engineering');
CREATE TABLE team_member (
	member_no INTEGER NOT NULL, 
	team_id INTEGER NOT NULL, 
	source VARCHAR NOT NULL, 
	PRIMARY KEY (member_no, team_id, source)
)
 WITHOUT ROWID

;
INSERT INTO "team_member" VALUES(2,1,'okta');
INSERT INTO "team_member" VALUES(7,1,'okta');
INSERT INTO "team_member" VALUES(12,1,'okta');
CREATE TABLE "token" (
	id VARCHAR NOT NULL, 
	directory VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	expires VARCHAR, 
	revoked VARCHAR, 
	last_used VARCHAR, scope VARCHAR, workspace VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "token" VALUES('PTAvX7','acme-scim','','49bb001ecea48c3e4e7f7c62b458c7ea00c32659aea52180d51e84d5da1c5bdc','2026-11-28T11:08:28.936Z',NULL,NULL,'2026-11-28T11:08:00.000Z',NULL,NULL);
INSERT INTO "token" VALUES('gMfTXd','acme-scim','','befc6c32aa8004772704dd9ebf2eae45f5cc4ffda4943ab36ac6cbf4525a3f99','2026-11-28T11:08:33.717Z',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE turn (
	workspace VARCHAR NOT NULL, 
	at VARCHAR NOT NULL, 
	PRIMARY KEY (workspace)
);
INSERT INTO "turn" VALUES('acme','2026-11-28T11:08:32.218Z');
CREATE TABLE wish (
	id VARCHAR NOT NULL, 
	workspace VARCHAR NOT NULL, 
	directory VARCHAR NOT NULL, 
	"trigger" VARCHAR NOT NULL, 
	verify BOOLEAN NOT NULL, 
	asked_at VARCHAR NOT NULL, 
	asked_by VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	not_before VARCHAR NOT NULL, 
	tries INTEGER NOT NULL, 
	worker VARCHAR, 
	run VARCHAR, 
	began VARCHAR, 
	ended VARCHAR, 
	progress TEXT, 
	error TEXT, 
	joined VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "wish" VALUES('20261128T110829-adba9e','acme','acme-scim','push',0,'2026-11-28T11:08:29.059Z','scim','done','',0,'88343ef38cae','20261128T110829-565af5','2026-11-28T11:08:29.061Z','2026-11-28T11:08:29.204Z',NULL,NULL,NULL);
INSERT INTO "wish" VALUES('20261128T110831-7e91a4','acme','okta','manual',0,'2026-11-28T11:08:31.861Z','root@old-host','done','',0,'88343ef38cae','20261128T110832-400402','2026-11-28T11:08:32.218Z','2026-11-28T11:08:32.430Z',NULL,NULL,NULL);
CREATE TABLE worker (
	id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	version VARCHAR NOT NULL, 
	began_at VARCHAR NOT NULL, 
	beat_at VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "worker" VALUES('88343ef38cae','serve','old-host/0',3410,'0.1.0','2026-11-28T11:08:25.435Z','2026-11-28T11:08:25.435Z');
CREATE INDEX action_person ON action (external_id);
CREATE UNIQUE INDEX member_email ON member (workspace, email_key);
CREATE UNIQUE INDEX member_id ON member (id);
CREATE UNIQUE INDEX member_link ON member (directory, external_id);
CREATE INDEX member_managed ON member (workspace, managed, active);
CREATE INDEX member_name ON member (workspace, name_key);
CREATE INDEX member_role_value ON member_role (axis, value);
CREATE INDEX mirror_user_key ON mirror_user (directory, match_key, state, scoped, external_id);
CREATE INDEX run_directory ON run (directory, began);
CREATE UNIQUE INDEX team_name ON team (workspace, name);
CREATE INDEX decision_directory ON decision (directory, decided_at);
CREATE INDEX run_tally_window ON run_tally (workspace, ended);
CREATE UNIQUE INDEX scim_resource_id ON scim_resource (directory, id);
CREATE UNIQUE INDEX scim_resource_user_name ON scim_resource (directory, user_name_key);
CREATE INDEX scim_resource_external_id ON scim_resource (directory, kind, external_id);
CREATE INDEX scim_resource_display_name ON scim_resource (directory, kind, display_key);
CREATE INDEX scim_resource_no ON scim_resource (directory, kind, no);
CREATE INDEX scim_email_value ON scim_email (directory, value, type, resource_no);
CREATE UNIQUE INDEX scim_member_member ON scim_member (member_no, group_no);
CREATE UNIQUE INDEX wish_waiting ON wish (directory) WHERE state = 'waiting';
CREATE UNIQUE INDEX wish_running ON wish (workspace) WHERE state = 'running';
CREATE INDEX wish_ended ON wish (directory, ended);
CREATE INDEX token_directory ON token (directory, created);
CREATE INDEX notice_unsent ON notice (target, not_before) WHERE sent_at IS NULL;
CREATE INDEX action_held ON action (run, step, evidence) WHERE state = 'held';
CREATE INDEX run_began ON run (began, id);
CREATE INDEX run_workspace ON run (workspace, began);
CREATE INDEX run_state ON run (state, directory, began);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('scim_resource',3);
COMMIT;
