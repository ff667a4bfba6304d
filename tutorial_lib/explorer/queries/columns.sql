-- Columns of tables, views and foreign tables, in their order.
SELECT 'column' AS kind,
       n.nspname AS schema,
       c.relname AS home,
       a.attname AS name,
       pg_catalog.format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ', not null' ELSE '' END
           || CASE
                  WHEN a.attgenerated = '' AND d.adbin IS NOT NULL
                      THEN ', default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
                  ELSE ''
              END AS about,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'identity', CASE
               WHEN a.attidentity = 'a' THEN 'always' WHEN a.attidentity = 'd' THEN 'by default'
           END,
           'generated', CASE
               WHEN a.attgenerated = 's' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ' stored'
               WHEN a.attgenerated = 'v' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ' virtual'
           END,
           'not null', nullif(pg_catalog.concat_ws(
               ', ',
               CASE
                   WHEN k.conname::text <> c.relname::text || '_' || a.attname::text || '_not_null'
                       THEN k.conname
               END,
               CASE WHEN k.connoinherit THEN 'no inherit' END,
               CASE WHEN NOT k.convalidated THEN 'not valid' END
           ), ''),
           'not null comment', pg_catalog.obj_description(k.oid, 'pg_constraint'),
           'collation', CASE WHEN a.attcollation <> t.typcollation THEN l.collname END,
           'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END,
           'compression', CASE WHEN a.attcompression <> '' THEN a.attcompression END,
           'statistics', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
           'options', a.attoptions,
           'server options', a.attfdwoptions,
           'comment', about.description
       ))::text AS details
FROM pg_catalog.pg_class c
     JOIN here n ON n.oid = c.relnamespace
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
     JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
     LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
     LEFT JOIN pg_catalog.pg_constraint k
         ON k.conrelid = c.oid AND k.contype = 'n' AND k.conkey[1] = a.attnum
     LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     LEFT JOIN pg_catalog.pg_description about
         ON about.classoid = 'pg_catalog.pg_class'::regclass::oid AND about.objoid = c.oid
         AND about.objsubid = a.attnum::int4
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0::int2 AND NOT a.attisdropped
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend e
          WHERE e.classid = 'pg_catalog.pg_class'::regclass::oid AND e.objid = c.oid AND e.deptype = 'e'
      )
ORDER BY n.nspname, c.relname, a.attnum
