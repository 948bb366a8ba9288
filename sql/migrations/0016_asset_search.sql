-- What a search of assets looks through. The two functions stand in indexes: like those of 0010 they must not change their answer.

CREATE FUNCTION asset_search_text(
    tag_number text, name text, manufacturer text, model text, serial text, subcategory text, udi text, description text
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(tag_number, '') || ' ' || coalesce(name, '') || ' ' || coalesce(manufacturer, '') || ' '
        || coalesce(model, '') || ' ' || coalesce(serial, '') || ' ' || coalesce(subcategory, '') || ' '
        || coalesce(udi, '') || ' ' || coalesce(description, '')
$$;
COMMENT ON FUNCTION asset_search_text(text, text, text, text, text, text, text, text) IS
    'The columns of an asset that search_assets looks through, as one text.';

-- Name and tag weigh most, then maker and model. 'english' stems words, so that "pumps" finds the pump; numbers stay as they are.
CREATE FUNCTION asset_search_document(
    tag_number text, name text, manufacturer text, model text, serial text, subcategory text, udi text, description text
) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(to_tsvector('pg_catalog.english', coalesce(tag_number, '') || ' ' || coalesce(name, '')), 'A')
        || setweight(to_tsvector('pg_catalog.english', coalesce(manufacturer, '') || ' ' || coalesce(model, '') || ' '
            || coalesce(serial, '') || ' ' || coalesce(subcategory, '') || ' ' || coalesce(udi, '')), 'B')
        || setweight(to_tsvector('pg_catalog.english', coalesce(description, '')), 'D')
$$;
COMMENT ON FUNCTION asset_search_document(text, text, text, text, text, text, text, text) IS
    'The same columns as a weighted document for full-text search.';

CREATE INDEX assets_search_document ON assets USING gin (asset_search_document(
    asset_tag_number, equipment_name, manufacturer, model_number, serial_number, device_subcategory, udi_di, description));
