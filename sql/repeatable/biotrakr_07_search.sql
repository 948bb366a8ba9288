-- Search of assets by words and, where the extension pg_trgm is, by likeness: "infuson pmp" finds the infusion pump.
-- Without the extension the same functions answer, and find what holds every word of the query somewhere, also inside a word.

-- A trusted extension: who may create in this database may create it. Where it cannot be had, search does without.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
    NULL;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_opclass_is_visible(oid)) THEN
        CREATE INDEX IF NOT EXISTS assets_search_trigrams ON assets USING gin (asset_search_text(
            asset_tag_number, equipment_name, manufacturer, model_number, serial_number, device_subcategory, udi_di, description) gin_trgm_ops);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION like_pattern(word text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT '%' || replace(replace(replace(word, '\', '\\'), '%', '\%'), '_', '\_') || '%' $$;
COMMENT ON FUNCTION like_pattern(text) IS 'The pattern for ILIKE that finds a text anywhere.';

-- plpgsql plans a statement when it is first run: the branch that needs pg_trgm is not looked at where it is missing.
-- 0.4: two of seven letters may be wrong. The library's own 0.6 forgives one.
CREATE OR REPLACE FUNCTION asset_likeness(query text, max_results integer) RETURNS TABLE (asset_id text, likeness real)
LANGUAGE plpgsql STABLE SET pg_trgm.word_similarity_threshold = 0.4 AS $$
BEGIN
    IF to_regprocedure('word_similarity(text,text)') IS NOT NULL THEN
        RETURN QUERY
        SELECT a.id, word_similarity(query, t.text)
        FROM public.assets a CROSS JOIN LATERAL (SELECT asset_search_text(a.asset_tag_number, a.equipment_name, a.manufacturer,
            a.model_number, a.serial_number, a.device_subcategory, a.udi_di, a.description) AS text) AS t
        WHERE a.deleted_at IS NULL AND query <% asset_search_text(a.asset_tag_number, a.equipment_name, a.manufacturer, a.model_number, a.serial_number,
            a.device_subcategory, a.udi_di, a.description)
        ORDER BY 2 DESC LIMIT max_results;
    ELSE
        RETURN QUERY
        SELECT a.id, (length(query)::real / greatest(length(query), length(a.equipment_name)))::real
        FROM public.assets a
        WHERE a.deleted_at IS NULL AND asset_search_text(a.asset_tag_number, a.equipment_name, a.manufacturer, a.model_number, a.serial_number,
            a.device_subcategory, a.udi_di, a.description) ILIKE ALL (
            SELECT like_pattern(word) FROM regexp_split_to_table(btrim(query), '\s+') AS word)
        ORDER BY 2 DESC LIMIT max_results;
    END IF;
END
$$;
COMMENT ON FUNCTION asset_likeness(text, integer) IS 'Assets whose text looks like the query, 0 to 1: by trigrams, or without pg_trgm by substrings.';

CREATE OR REPLACE FUNCTION search_assets(query text, max_results integer DEFAULT 20) RETURNS TABLE (
    asset_id text, asset_tag_number text, equipment_name text, manufacturer text, model_number text, serial_number text,
    asset_status asset_status, rank real)
LANGUAGE sql STABLE AS $$
    WITH words AS (SELECT websearch_to_tsquery('pg_catalog.english', query) AS q, lower(btrim(query)) AS exact),
    found AS (
        SELECT a.id, ts_rank_cd(asset_search_document(a.asset_tag_number, a.equipment_name, a.manufacturer, a.model_number,
            a.serial_number, a.device_subcategory, a.udi_di, a.description), words.q)::real AS by_words, 0::real AS by_likeness
        FROM words, public.assets a
        WHERE asset_search_document(a.asset_tag_number, a.equipment_name, a.manufacturer, a.model_number, a.serial_number,
            a.device_subcategory, a.udi_di, a.description) @@ words.q
        UNION ALL
        -- Whoever quotes a phrase or excludes a word means it: no likeness then.
        SELECT l.asset_id, 0, l.likeness FROM words, asset_likeness(query, greatest(200, 10 * least(max_results, 1000))) l
        WHERE words.exact <> '' AND query !~ '(^|\s)-\S|"'
    )
    SELECT a.id, a.asset_tag_number, a.equipment_name, a.manufacturer, a.model_number, a.serial_number, a.asset_status,
        (sum(found.by_words) + sum(found.by_likeness)
            + CASE WHEN lower(a.asset_tag_number) = words.exact OR lower(a.serial_number) = words.exact THEN 10 ELSE 0 END)::real AS rank
    FROM found JOIN public.assets a ON a.id = found.id, words
    WHERE a.deleted_at IS NULL
    GROUP BY a.id, words.exact
    ORDER BY rank DESC, a.asset_tag_number
    LIMIT greatest(0, least(max_results, 1000))
$$;
COMMENT ON FUNCTION search_assets(text, integer) IS
    'Assets that match, the best first: whole words (stemmed; "quoted phrases", or, -not as on the web), likeness for what is mistyped or cut short, and on top the one whose tag or serial number is exactly the query. At most 1000.';
