-- What belongs to the database as a whole: schemas, extensions, settings, replication and the rest.
SELECT 'schema' AS kind,
       NULL AS schema,
       NULL AS home,
       n.nspname::text AS name,
       '' AS about,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(n.nspowner),
           'comment', pg_catalog.obj_description(n.oid, 'pg_namespace')
       ))::text AS details
FROM here JOIN pg_catalog.pg_namespace n ON n.oid = here.oid
UNION ALL
SELECT 'extension', NULL, NULL, x.extname::text, 'version ' || x.extversion,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(x.extowner),
           'schema', n.nspname,
           'version', x.extversion,
           'comment', pg_catalog.obj_description(x.oid, 'pg_extension')
       ))::text
FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace
UNION ALL
SELECT 'setting', NULL, NULL,
       CASE WHEN s.setrole = 0::oid THEN '' ELSE pg_catalog.pg_get_userbyid(s.setrole)::text || ': ' END
           || pg_catalog.split_part(one, '=', 1),
       pg_catalog.substring(one, '=(.*)'), '{}'
FROM pg_catalog.pg_db_role_setting s
     JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase,
     pg_catalog.unnest(s.setconfig) AS one
WHERE d.datname = pg_catalog.current_database()
UNION ALL
SELECT 'event trigger', NULL, NULL, t.evtname::text, t.evtevent::text,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(t.evtowner),
           'function', t.evtfoid::regproc::text,
           'tags', t.evttags,
           'enabled', CASE WHEN t.evtenabled <> 'O' THEN t.evtenabled END,
           'comment', pg_catalog.obj_description(t.oid, 'pg_event_trigger')
       ))::text
FROM pg_catalog.pg_event_trigger t
UNION ALL
SELECT 'publication', NULL, NULL, p.pubname::text,
       CASE WHEN p.puballtables THEN 'all tables' ELSE '' END,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(p.pubowner),
           'operations', pg_catalog.concat_ws(
               ', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
               CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END
           ),
           'root', CASE WHEN p.pubviaroot THEN 'yes' END,
           'generated columns', CASE  -- PostgreSQL 18 has this column
               WHEN pg_catalog.to_jsonb(p.*) ->> 'pubgencols' = 's' THEN 'stored'
           END,
           'tables', (
               SELECT pg_catalog.jsonb_agg(pg_catalog.concat_ws(
                   ' ', r.prrelid::regclass, (
                       SELECT '(' || pg_catalog.string_agg(a.attname::text, ', ' ORDER BY a.attnum) || ')'
                       FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[])
                   ), pg_catalog.pg_get_expr(r.prqual, r.prrelid)
               ) ORDER BY r.prrelid::regclass::text)
               FROM pg_catalog.pg_publication_rel r
               WHERE r.prpubid = p.oid
           ),
           'schemas', (
               SELECT pg_catalog.jsonb_agg(r.pnnspid::regnamespace ORDER BY r.pnnspid)
               FROM pg_catalog.pg_publication_namespace r
               WHERE r.pnpubid = p.oid
           ),
           'comment', pg_catalog.obj_description(p.oid, 'pg_publication')
       ))::text
FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'subscription', NULL, NULL, s.subname::text, '',
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(s.subowner),
           'enabled', s.subenabled,
           'slot', s.subslotname,
           'publications', s.subpublications,
           'synchronous_commit', s.subsynccommit,
           'options', (
               -- A column that this version of PostgreSQL doesn't have is one of `absent`.
               SELECT found.options
               FROM (
                        SELECT NULL::text AS subtwophasestate, NULL::text AS subdisableonerr,
                               NULL::text AS subpasswordrequired, NULL::text AS subrunasowner,
                               NULL::text AS suborigin, NULL::text AS subfailover
                    ) absent,
                    LATERAL (
                        SELECT pg_catalog.concat_ws(
                            ', ', 'binary ' || subbinary::text, 'streaming ' || substream::text,
                            'two_phase ' || subtwophasestate::text,
                            'disable_on_error ' || subdisableonerr::text,
                            'password_required ' || subpasswordrequired::text,
                            'run_as_owner ' || subrunasowner::text,
                            'origin ' || suborigin::text, 'failover ' || subfailover::text
                        ) AS options
                        FROM pg_catalog.pg_subscription o WHERE o.oid = s.oid
                    ) found
           ),
           'comment', pg_catalog.obj_description(s.oid, 'pg_subscription')
       ))::text
FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
WHERE d.datname = pg_catalog.current_database()
UNION ALL
SELECT 'foreign server', NULL, NULL, s.srvname::text, w.fdwname::text,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(s.srvowner),
           'version', s.srvversion,
           'options', s.srvoptions,
           'comment', pg_catalog.obj_description(s.oid, 'pg_foreign_server')
       ))::text
FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
UNION ALL
SELECT 'user mapping', NULL, NULL, m.srvname::text || ': ' || m.usename::text, '', '{}'
FROM pg_catalog.pg_user_mappings m
UNION ALL
SELECT 'default privileges', NULL, NULL,
       pg_catalog.concat_ws(
           ' ', pg_catalog.pg_get_userbyid(a.defaclrole), 'on', CASE
               WHEN a.defaclobjtype = 'r' THEN 'tables' WHEN a.defaclobjtype = 'S' THEN 'sequences'
               WHEN a.defaclobjtype = 'f' THEN 'functions' WHEN a.defaclobjtype = 'T' THEN 'types'
               WHEN a.defaclobjtype = 'n' THEN 'schemas' ELSE 'objects'
           END, 'in ' || n.nspname::text
       ),
       (SELECT pg_catalog.string_agg(one::text, ', ' ORDER BY one::text)
        FROM pg_catalog.unnest(a.defaclacl) AS one),
       '{}'
FROM pg_catalog.pg_default_acl a LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace
UNION ALL
SELECT i.type, NULL, NULL, i.identity, '',
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'comment', pg_catalog.obj_description(o.oid, o.catalog::regclass::text::name)
       ))::text
FROM (
         SELECT 'pg_catalog.pg_cast' AS catalog, oid FROM pg_catalog.pg_cast
         UNION ALL SELECT 'pg_catalog.pg_operator', oid FROM pg_catalog.pg_operator
         UNION ALL SELECT 'pg_catalog.pg_opclass', oid FROM pg_catalog.pg_opclass
         UNION ALL SELECT 'pg_catalog.pg_opfamily', oid FROM pg_catalog.pg_opfamily
         UNION ALL SELECT 'pg_catalog.pg_am', oid FROM pg_catalog.pg_am
         UNION ALL SELECT 'pg_catalog.pg_collation', oid FROM pg_catalog.pg_collation
         UNION ALL SELECT 'pg_catalog.pg_conversion', oid FROM pg_catalog.pg_conversion
         UNION ALL SELECT 'pg_catalog.pg_language', oid FROM pg_catalog.pg_language
         UNION ALL SELECT 'pg_catalog.pg_transform', oid FROM pg_catalog.pg_transform
         UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper', oid
                   FROM pg_catalog.pg_foreign_data_wrapper
         UNION ALL SELECT 'pg_catalog.pg_ts_config', oid FROM pg_catalog.pg_ts_config
         UNION ALL SELECT 'pg_catalog.pg_ts_dict', oid FROM pg_catalog.pg_ts_dict
         UNION ALL SELECT 'pg_catalog.pg_ts_parser', oid FROM pg_catalog.pg_ts_parser
         UNION ALL SELECT 'pg_catalog.pg_ts_template', oid FROM pg_catalog.pg_ts_template
     ) o,
     pg_catalog.pg_identify_object(o.catalog::regclass, o.oid, 0) i
WHERE o.oid >= 16384::oid
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend e
          WHERE e.classid = o.catalog::regclass::oid AND e.objid = o.oid AND e.deptype IN ('e', 'i')
      )
ORDER BY kind, name
