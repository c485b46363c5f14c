-- X and Y of the paper: objects that pass its photometric flags, and those of them that have a spectrum.
-- No export holds the first.
SELECT
    count(*) AS objects,
    count(spectra.object_id) AS with_spectrum
FROM pdr2_wide.forced
LEFT JOIN pdr2_wide.forced2 USING (object_id)
LEFT JOIN (SELECT DISTINCT object_id FROM pdr2_wide.specz) AS spectra USING (object_id)
WHERE
    NOT g_sdsscentroid_flag
    AND NOT r_sdsscentroid_flag
    AND NOT i_sdsscentroid_flag
    AND NOT z_sdsscentroid_flag
    AND NOT y_sdsscentroid_flag
    AND NOT g_pixelflags_interpolatedcenter
    AND NOT r_pixelflags_interpolatedcenter
    AND NOT i_pixelflags_interpolatedcenter
    AND NOT z_pixelflags_interpolatedcenter
    AND NOT y_pixelflags_interpolatedcenter
    AND NOT g_pixelflags_saturatedcenter
    AND NOT r_pixelflags_saturatedcenter
    AND NOT i_pixelflags_saturatedcenter
    AND NOT z_pixelflags_saturatedcenter
    AND NOT y_pixelflags_saturatedcenter
    AND NOT g_cmodel_flag
    AND NOT r_cmodel_flag
    AND NOT i_cmodel_flag
    AND NOT z_cmodel_flag
    AND NOT y_cmodel_flag
    AND NOT g_pixelflags_edge
    AND NOT r_pixelflags_edge
    AND NOT i_pixelflags_edge
    AND NOT z_pixelflags_edge
    AND NOT y_pixelflags_edge
    AND NOT g_pixelflags_crcenter
    AND NOT r_pixelflags_crcenter
    AND NOT i_pixelflags_crcenter
    AND NOT z_pixelflags_crcenter
    AND NOT y_pixelflags_crcenter
    AND NOT g_pixelflags_bad
    AND NOT r_pixelflags_bad
    AND NOT i_pixelflags_bad
    AND NOT z_pixelflags_bad
    AND NOT y_pixelflags_bad
