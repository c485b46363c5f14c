-- The wide query: every object that has a spectrum, with every flag that a cut reads, without any cut.
-- The cuts are applied here instead, where the rows that each one removes can be counted.
-- In the order of object_id, so that 'the first of several rows' means the same however often it is asked.
SELECT
    object_id,
    ra, dec, coord,
    skymap_id, tract, patch,
    parent_id, nchild, isprimary,
    a_g, a_r, a_i, a_z, a_y,
    g_cmodel_mag, r_cmodel_mag, i_cmodel_mag, z_cmodel_mag, y_cmodel_mag,
    g_cmodel_magsigma, r_cmodel_magsigma, i_cmodel_magsigma, z_cmodel_magsigma, y_cmodel_magsigma,
    g_cmodel_flag, r_cmodel_flag, i_cmodel_flag, z_cmodel_flag, y_cmodel_flag,
    g_pixelflags_edge, r_pixelflags_edge, i_pixelflags_edge, z_pixelflags_edge, y_pixelflags_edge,
    g_pixelflags_interpolatedcenter, r_pixelflags_interpolatedcenter, i_pixelflags_interpolatedcenter,
    z_pixelflags_interpolatedcenter, y_pixelflags_interpolatedcenter,
    g_pixelflags_saturatedcenter, r_pixelflags_saturatedcenter, i_pixelflags_saturatedcenter,
    z_pixelflags_saturatedcenter, y_pixelflags_saturatedcenter,
    g_pixelflags_crcenter, r_pixelflags_crcenter, i_pixelflags_crcenter,
    z_pixelflags_crcenter, y_pixelflags_crcenter,
    g_pixelflags_bad, r_pixelflags_bad, i_pixelflags_bad, z_pixelflags_bad, y_pixelflags_bad,
    g_sdsscentroid_flag, r_sdsscentroid_flag, i_sdsscentroid_flag, z_sdsscentroid_flag, y_sdsscentroid_flag,
    d_pos, d_mag,
    specz_name, specz_ra, specz_dec,
    specz_redshift, specz_redshift_err,
    specz_original_flag, specz_flag_homogeneous, specz_mag_i,
    specz_flag_sdss_dr14, specz_flag_deep3_v201701, specz_flag_primus_dr1, specz_flag_vipers_pdr1,
    specz_flag_vvds, specz_flag_gama_dr2, specz_flag_wigglez_dr1, specz_flag_zcosmos_dr3,
    specz_flag_udsz_mar2014, specz_flag_3dhst_v4_1_5, specz_flag_fmos_cosmos_v1_0
FROM pdr2_wide.specz
INNER JOIN pdr2_wide.forced USING (object_id)
LEFT JOIN pdr2_wide.forced2 USING (object_id)
ORDER BY object_id, specz_name
