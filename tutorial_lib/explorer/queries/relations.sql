-- Tables, views, sequences and composite types.
SELECT CASE
           WHEN c.relkind IN ('r', 'p') THEN 'table'
           WHEN c.relkind = 'v' THEN 'view'
           WHEN c.relkind = 'm' THEN 'materialized view'
           WHEN c.relkind = 'f' THEN 'foreign table'
           WHEN c.relkind = 'S' THEN 'sequence'
           ELSE 'type'
       END AS kind,
       n.nspname AS schema,
       NULL AS home,
       c.relname AS name,
       '' AS about,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(c.relowner),
           'persistence', CASE WHEN c.relpersistence = 'u' THEN 'unlogged' END,
           'partition key', CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END,
           'partition', pg_catalog.pg_get_expr(c.relpartbound, c.oid),
           'inherits', (
               SELECT pg_catalog.string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno)
               FROM pg_catalog.pg_inherits h
               WHERE h.inhrelid = c.oid
           ),
           'of type', CASE WHEN c.reloftype <> 0::oid THEN c.reloftype::regtype::text END,
           'access method', CASE WHEN am.amname <> 'heap' THEN am.amname END,
           'tablespace', ts.spcname,
           'options', c.reloptions,
           'TOAST options', toast.reloptions,
           'row security', CASE
               WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'enabled, forced'
               WHEN c.relrowsecurity THEN 'enabled'
               WHEN c.relforcerowsecurity THEN 'forced'
           END,
           'replica identity', CASE
               WHEN c.relreplident = 'f' THEN 'full'
               WHEN c.relreplident = 'n' AND c.relkind IN ('r', 'p') THEN 'nothing'
               WHEN c.relreplident = 'i' THEN 'index'
           END,
           'populated', CASE WHEN c.relkind = 'm' AND NOT c.relispopulated THEN 'no' END,
           'server', fs.srvname,
           'server options', ft.ftoptions,
           'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END,
           'attributes', CASE WHEN c.relkind = 'c' THEN (
               SELECT pg_catalog.string_agg(
                   pg_catalog.concat_ws(
                       ' ', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
                       pg_catalog.col_description(c.oid, a.attnum)
                   ), ', ' ORDER BY a.attnum
               )
               FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = c.oid AND a.attnum > 0::int2 AND NOT a.attisdropped
           ) END,
           'type', pg_catalog.format_type(s.seqtypid, NULL),
           'start', s.seqstart,
           'increment', s.seqincrement,
           'minimum', s.seqmin,
           'maximum', s.seqmax,
           'cache', s.seqcache,
           'cycle', CASE WHEN s.seqcycle THEN 'yes' END,
           'owned by', (
               SELECT pg_catalog.string_agg(
                   d.refobjid::regclass::text || '.' || a.attname::text, ', '
               )
               FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a
                    ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
               WHERE d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid
                     AND d.deptype IN ('a', 'i')
                     AND d.refclassid = 'pg_catalog.pg_class'::regclass::oid AND c.relkind = 'S'
           ),
           'depends on extension', (
               SELECT pg_catalog.string_agg(x.extname::text, ', ' ORDER BY x.extname::text)
               FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
               WHERE e.classid = 'pg_catalog.pg_class'::regclass::oid AND e.objid = c.oid AND e.deptype = 'x'
           ),
           'comment', coalesce(about.description, pg_catalog.obj_description(c.reltype, 'pg_type'))
       ))::text AS details
FROM pg_catalog.pg_class c
     JOIN here n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_class toast ON toast.oid = c.reltoastrelid
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
     LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = c.reltablespace
     LEFT JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
     LEFT JOIN pg_catalog.pg_foreign_table ft ON ft.ftrelid = c.oid
     LEFT JOIN pg_catalog.pg_foreign_server fs ON fs.oid = ft.ftserver
     LEFT JOIN pg_catalog.pg_description about
         ON about.classoid = 'pg_catalog.pg_class'::regclass::oid AND about.objoid = c.oid
         AND about.objsubid = 0
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend e
          WHERE e.classid = 'pg_catalog.pg_class'::regclass::oid AND e.objid = c.oid AND e.deptype = 'e'
      )
ORDER BY n.nspname, c.relname
