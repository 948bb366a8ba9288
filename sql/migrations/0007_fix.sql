-- How a ping knows where its tag was, so that every answer can say how sure it is.
--
-- A column, not a key in props: it is asked in every question about uncertainty, an enum of four takes next to nothing
-- once compressed, and pings that do not say it stay without props. NULL for the rows there are: nobody said.

CREATE TYPE fix_quality AS ENUM ('position', 'approximate', 'proximity', 'presence');

ALTER TABLE location_history ADD COLUMN fix fix_quality;

COMMENT ON COLUMN location_history.fix IS
    'position: computed for the tag; approximate: computed, and roughly; proximity: heard by this locator or gateway, coordinates are not the tag''s and are not stored as such; presence: in this gateway''s or zone''s room; NULL: not said';
