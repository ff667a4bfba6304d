-- Constraints, and the indexes that aren't part of one. NOT NULL belongs to its column.
SELECT 'constraint' AS kind,
       n.nspname AS schema,
       c.relname AS home,
       k.conname AS name,
       pg_catalog.pg_get_constraintdef(k.oid) AS about,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'triggers', (
               SELECT 'disabled' FROM pg_catalog.pg_trigger g
               WHERE g.tgconstraint = k.oid AND g.tgisinternal AND g.tgenabled <> 'O' LIMIT 1
           ),
           'index options', i.reloptions,
           'tablespace', ts.spcname,
           'clustered', CASE WHEN x.indisclustered THEN 'yes' END,
           'replica identity', CASE WHEN x.indisreplident THEN 'yes' END,
           'index depends on extension', (
               SELECT pg_catalog.string_agg(x.extname::text, ', ' ORDER BY x.extname::text)
               FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
               WHERE e.classid = 'pg_catalog.pg_class'::regclass::oid AND e.objid = i.oid AND e.deptype = 'x'
           ),
           'index comment', pg_catalog.obj_description(i.oid, 'pg_class'),
           'comment', about.description
       ))::text AS details
FROM pg_catalog.pg_constraint k
     JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
     JOIN here n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = k.conindid AND x.indrelid = c.oid
     LEFT JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
     LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = i.reltablespace
     LEFT JOIN pg_catalog.pg_description about
         ON about.classoid = 'pg_catalog.pg_constraint'::regclass::oid AND about.objoid = k.oid
WHERE k.contype <> 'n' AND k.contype <> 't'
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend e
          WHERE e.classid = 'pg_catalog.pg_class'::regclass::oid AND e.objid = c.oid AND e.deptype = 'e'
      )
UNION ALL
SELECT 'index',
       n.nspname,
       c.relname,
       i.relname,
       CASE WHEN x.indisunique THEN 'unique ' ELSE '' END
           || pg_catalog.substring(pg_catalog.pg_get_indexdef(i.oid), ' USING (.*)'),
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'valid', CASE WHEN NOT x.indisvalid THEN 'no' END,
           'statistics', (
               SELECT pg_catalog.string_agg(
                   a.attname::text || ' ' || a.attstattarget::text, ', ' ORDER BY a.attnum
               )
               FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = i.oid AND a.attnum > 0::int2 AND a.attstattarget >= 0
           ),
           'tablespace', ts.spcname,
           'clustered', CASE WHEN x.indisclustered THEN 'yes' END,
           'replica identity', CASE WHEN x.indisreplident THEN 'yes' END,
           'depends on extension', (
               SELECT pg_catalog.string_agg(x.extname::text, ', ' ORDER BY x.extname::text)
               FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
               WHERE e.classid = 'pg_catalog.pg_class'::regclass::oid AND e.objid = i.oid AND e.deptype = 'x'
           ),
           'comment', about.description
       ))::text
FROM pg_catalog.pg_index x
     JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
     JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
     JOIN here n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = i.reltablespace
     LEFT JOIN pg_catalog.pg_description about
         ON about.classoid = 'pg_catalog.pg_class'::regclass::oid AND about.objoid = i.oid
WHERE NOT EXISTS (
          SELECT FROM pg_catalog.pg_constraint k
          WHERE k.conindid = i.oid AND k.conrelid = c.oid
      )
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend e
          WHERE e.classid = 'pg_catalog.pg_class'::regclass::oid AND e.objid = c.oid AND e.deptype = 'e'
      )
ORDER BY schema, home, kind, name
